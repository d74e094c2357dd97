"""What `events-rejected` has of a dead letter: pure.

The headers are the record's own, and those by which Kafka Connect tells where a record came from and why it fails.
"""

from avro_schemas import event_ids
from avro_schemas.rejected_event import RecordPosition, encode_rejected_event, record_fault
from sinks.dead_letters.outbox import Letter
from sinks.landing.rows import Kept, to_row

_PREFIX = "__connect.errors."
_CONNECTOR = "footfall-sinks"


def value(letter: Letter, now: int) -> bytes:
    """The value; `now` in milliseconds since 1970."""
    source = Kept(letter.partition, letter.offset, letter.appended_at, letter.key, letter.value, letter.headers)
    event_id = event_type = None
    if letter.reason == "row_rejected":
        row = to_row(source)
        event_id, event_type = event_ids.from_uuid(row.event_id), row.event_type
    return encode_rejected_event(
        "sinks",
        now,
        [record_fault(letter.reason, letter.detail)],
        user_key=letter.key,
        body=letter.value or b"",
        event_id=event_id,
        event_type=event_type,
        position=RecordPosition(letter.topic, letter.partition, letter.offset),
    )


def headers(letter: Letter) -> list[tuple[str, bytes | None]]:
    """The record's headers, and Kafka Connect's where it has none of that name."""
    stage = "TASK_PUT" if letter.reason == "row_rejected" else "VALUE_CONVERTER"
    told = {
        "topic": letter.topic,
        "partition": str(letter.partition),
        "offset": str(letter.offset),
        "connector.name": _CONNECTOR,
        "stage": stage,
        "exception.class.name": letter.reason,
        "exception.message": letter.detail,
    }
    there = {name for name, _value in letter.headers}
    added = [(_PREFIX + name, text.encode()) for name, text in told.items() if _PREFIX + name not in there]
    return [*letter.headers, *added]
