"""What the folds take of a record of `events`."""

from typing import Protocol

from avro_schemas.events import EventReader
from stream_app.dimensions import COLUMNS

READER = EventReader(COLUMNS)


class LogRecord(Protocol):
    """A record as the consumer delivers it; `timestamp` is the append time in milliseconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
