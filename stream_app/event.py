"""What the folds need of a record of `events`, and why a record may be refused."""

from dataclasses import dataclass
from typing import Protocol

from avro_schemas.codec import Undecodable, decode
from avro_schemas.schemas import CUSTOM, EVENT_TYPES, Schema

EVENT_SCHEMAS = frozenset((*EVENT_TYPES, CUSTOM))


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
    schema, fields = decode(record.value)
    _require_event(schema)
    return Event(fields["event_id"], fields["event_type"], fields["occurred_at"])


def _require_event(schema: Schema) -> None:
    if schema.name not in EVENT_SCHEMAS:
        raise Undecodable("schema_unexpected", f"{schema.subject} is not an event")
