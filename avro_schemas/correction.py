"""Values of `corrections`: what the sinks, the judge of repeats, report to the stream app."""

from dataclasses import dataclass
from typing import cast

from avro_schemas.rejected_event import bounded_key
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from avro_schemas.wire.codec import Undecodable

DUPLICATE, ERASED = "duplicate", "erased"
# A record must fit what brokers take by default, a mebibyte, with its key and the other fields.
MAX_EVENT_BYTES = 900 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Whether a record of `events` became a row. The schema describes the fields.

    `key` is that of the record in `events`, and of the one in `corrections`.
    """

    number: int
    topic_id: str
    event_offset: int
    event_id: str
    is_row: bool
    reason: str
    again: bool
    appended_at: int
    key: bytes | None
    event: bytes


def encode_correction(correction: Correction) -> tuple[bytes | None, bytes]:
    """Key and value of the record in `corrections`."""
    event = correction.event if len(correction.event) <= MAX_EVENT_BYTES else b""
    record = {
        "number": correction.number,
        "topic_id": correction.topic_id,
        "event_offset": correction.event_offset,
        "event_id": correction.event_id,
        "is_row": correction.is_row,
        "reason": correction.reason,
        "again": correction.again,
        "appended_at": correction.appended_at,
        "event": event,
    }
    return bounded_key(correction.key), codec.encode(latest()["correction"], cast(codec.Record, record))


def decode_correction(key: bytes | None, value: bytes | None) -> Correction:
    """A correction from the key and the value of its record. Raise `Undecodable` for anything else."""
    schema, record = codec.decode(value)
    if schema.name != "correction":
        raise Undecodable("schema_unexpected", f"{schema.subject} is not a correction")
    return Correction(key=key, **record)
