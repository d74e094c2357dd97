"""What the folds need of a record of `events`."""

from dataclasses import dataclass
from typing import Protocol

from avro_schemas.events import decode_event


class LogRecord(Protocol):
    """A record as the consumer delivers it; `timestamp` is the append time in milliseconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the folds see it. Times are in milliseconds since 1970."""

    event_id: str
    event_type: str
    occurred_at: int


def read(record: LogRecord) -> Event:
    """Decode a record. Raise `Undecodable` for anything that is not an event."""
    _schema, fields = decode_event(record.value, record.timestamp)
    return Event(fields["event_id"], fields["event_type"], fields["occurred_at"])
