"""The queue of what visits have to be derived for. Entries are added in the transaction that changes rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
from psycopg import adapt, pq

from sinks.sql import read_statements

_SQL = read_statements(__name__)
# Of statements that remove rows.
ADD_REMOVED = _SQL["removed"]
_START_AGAIN = (
    "forget_visits",
    "forget_parts",
    "forget_floods",
    "forget_recounts",
    "forget_ranges",
    "add_all_rows",
)
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


psycopg.adapters.register_dumper(EventIds, _EventIdsDumper)


def add_landed(connection: psycopg.Connection, event_ids: Sequence[bytes]) -> None:
    """Add the rows of a batch, in their transaction."""
    connection.execute(_SQL["add_landed"], {"events": len(event_ids), "ids": EventIds(event_ids)})


def use_gap(connection: psycopg.Connection, gap: timedelta) -> bool:
    """Derive with this gap. If it is another one than before, all visits are derived again; return whether."""
    with connection.transaction():
        connection.execute(_SQL["lock"])
        if connection.execute(_SQL["set_gap"], {"gap": gap}).rowcount == 0:
            return False
        for statement in _START_AGAIN:
            connection.execute(_SQL[statement])
    return True


def forget_keys(connection: psycopg.Connection, users: Sequence[bytes], visitors: Sequence[bytes]) -> None:
    """Remove the links of these users and visitors. The next step tells which are facts still, of later events."""
    connection.execute(_SQL["forget_keys"], {"users": list(users), "visitors": list(visitors)})


def behind_seconds(connection: psycopg.Connection) -> float:
    """Age of the oldest rows that visits do not know of; 0 if there are none."""
    return float((connection.execute(_SQL["behind"]).fetchone() or (0.0,))[0])


def drop_before(connection: psycopg.Connection, moment: datetime) -> None:
    """Remove what occurred before, as its rows are dropped, in the same transaction."""
    connection.execute(_SQL["wait_longer"])
    connection.execute(_SQL["lock"])
    connection.execute(_SQL["set_oldest"], {"moment": moment})
    for statement in ("drop_visits", "drop_parts", "drop_links", "drop_floods", "touch_cut"):
        connection.execute(_SQL[statement], {"moment": moment})
