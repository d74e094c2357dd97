"""Makes the record for `events-rejected` from a dead letter. No I/O.

It carries the original record's headers, and those with which Kafka Connect describes a dead letter.
"""

from contextlib import suppress

from avro_schemas import event_ids
from avro_schemas.reasons import CONFLICT
from avro_schemas.record_key import user_key_of
from avro_schemas.rejected_event import RecordPosition, bounded_headers, encode_rejected_event, record_fault
from avro_schemas.wire.codec import Undecodable
from sinks.dead_letters.table import StoredDeadLetter
from sinks.landing.event_row import to_row

_PREFIX = "__connect.errors."
_CONNECTOR = "footfall-sinks"
# The reasons of records that are events.
_EVENTS = ("row_rejected", CONFLICT)


def record_value(dead_letter: StoredDeadLetter, now: int) -> bytes:
    """The value; `now` in milliseconds since 1970."""
    event_id = event_type = None
    # Only records that Postgres knew can be decoded: the others failed before there was an event.
    if dead_letter.reason in _EVENTS:
        # One that another version could decode must not keep the others from being published.
        with suppress(Undecodable):
            row = to_row(dead_letter)
            event_id, event_type = event_ids.from_bytes(row.event_id), row.event_type
    return encode_rejected_event(
        "sinks",
        now,
        [record_fault(dead_letter.reason, dead_letter.detail)],
        user_key=user_key_of(dead_letter.key),
        body=dead_letter.value or b"",
        event_id=event_id,
        event_type=event_type,
        position=RecordPosition(dead_letter.topic, dead_letter.partition, dead_letter.offset),
    )


def record_headers(dead_letter: StoredDeadLetter) -> list[tuple[str, bytes | None]]:
    """The headers: those of the original record, then Kafka Connect's, but never a second one of a name."""
    stage = "TASK_PUT" if dead_letter.reason in _EVENTS else "VALUE_CONVERTER"
    connect = {
        "topic": dead_letter.topic,
        "partition": str(dead_letter.partition),
        "offset": str(dead_letter.offset),
        "connector.name": _CONNECTOR,
        "stage": stage,
        "exception.class.name": dead_letter.reason,
        "exception.message": dead_letter.detail,
    }
    present = {name for name, _value in dead_letter.headers}
    added = [(_PREFIX + name, text.encode()) for name, text in connect.items() if _PREFIX + name not in present]
    return [*bounded_headers(dead_letter.headers), *added]
