"""Ids of events as parameters of statements."""

from collections.abc import Sequence

from psycopg import adapt, adapters, pq

_UUID_OID, _UUID_ARRAY_OID = 2950, 2951


class EventIds:
    """Many ids of 16 bytes, which Postgres gets as uuid[]: an object for each would cost more than the rest."""

    def __init__(self, ids: Sequence[bytes]) -> None:
        self.ids = ids


class _EventIdsDumper(adapt.Dumper):
    format = pq.Format.BINARY
    oid = _UUID_ARRAY_OID

    def dump(self, obj: EventIds) -> bytes:
        # One dimension, no nulls, the type, how many, numbered from 1; then the length of each and its bytes.
        head = [1, 0, _UUID_OID, len(obj.ids), 1]
        return b"\0\0\0\x10".join([b"".join(number.to_bytes(4, "big") for number in head), *obj.ids])


adapters.register_dumper(EventIds, _EventIdsDumper)
