"""What a record is, whichever client delivers it."""

from collections.abc import Sequence
from typing import Protocol

Headers = Sequence[tuple[str, bytes | None]]


class KafkaRecord(Protocol):
    """A record as a consumer delivers it; `timestamp` in milliseconds since 1970, on `events` the append time."""

    @property
    def offset(self) -> int: ...

    @property
    def timestamp(self) -> int: ...

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Headers: ...
