"""Values of `events-rejected`: events and records that were rejected, with every reason, and bounded in size."""

from collections.abc import Sequence
from typing import NamedTuple

from avro_schemas.schema import latest
from avro_schemas.validation.bounds import MAX_FAULTS
from avro_schemas.validation.fault import Fault
from avro_schemas.wire import codec

MAX_BODY_BYTES = 32 * 1024
_MAX_DETAIL_LENGTH = 500
_MAX_SCHEMA_ID = 2**31 - 1


class RecordPosition(NamedTuple):
    """Where a rejected record is."""

    topic: str
    partition: int
    offset: int


def record_fault(reason: str, detail: str) -> Fault:
    """What is wrong with a record that was read from a topic; `detail` may be of any length."""
    return Fault(reason, "", "an event", detail[:_MAX_DETAIL_LENGTH])


def encode_rejected_event(
    rejected_by: str,
    rejected_at: int,
    faults: Sequence[Fault],
    *,
    user_key: bytes | None,
    body: bytes,
    body_size: int | None = None,
    event_id: str | None = None,
    event_type: str | None = None,
    position: RecordPosition | None = None,
) -> bytes:
    """The value of a rejected event; `rejected_at` in milliseconds since 1970.

    `body` is what a client sent, or the value of a record that was read at `position`. `body_size` is its size,
    for a caller that has cut it off already.
    """
    record = {
        "rejected_at": rejected_at,
        "rejected_by": rejected_by,
        "reason": faults[0].code,
        "errors": [
            {"code": fault.code, "pointer": fault.pointer, "expected": fault.expected, "got": fault.got}
            for fault in faults[:MAX_FAULTS]
        ],
        "event_id": event_id,
        "event_type": event_type,
        "user_key": None if user_key is None else user_key.hex(),
        "schema_id": _schema_id(body) if position else None,
        "source_topic": position.topic if position else None,
        "source_partition": position.partition if position else None,
        "source_offset": position.offset if position else None,
        "body": body[:MAX_BODY_BYTES],
        "body_size": len(body) if body_size is None else body_size,
    }
    return codec.encode(latest()["rejected_event"], record)


def _schema_id(value: bytes) -> int | None:
    """The schema id that a value names, if it does."""
    if len(value) < codec.PREFIX_SIZE or value[0] != 0:
        return None
    schema_id = codec.schema_id_of(value)
    return schema_id if schema_id <= _MAX_SCHEMA_ID else None
