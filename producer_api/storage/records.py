"""Records on their way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Header = tuple[str, bytes]


class Record(NamedTuple):
    """A record for Kafka; without a key `event_id` finds the partition, so that a repeat meets the first."""

    event_id: str
    value: bytes
    headers: Sequence[Header]

    @property
    def size(self) -> int:
        """About how many bytes of a batch it takes."""
        return len(self.value) + 200


@dataclass(slots=True)
class Outgoing:
    """Records of one request. `late` is told of those acknowledged after their request was answered."""

    key: bytes | None
    records: Sequence[Record]
    late: Callable[[Sequence[Record]], None] = lambda _records: None


class Storing(Protocol):
    """What keeps records."""

    @property
    def is_open(self) -> bool: ...

    async def keep(self, outgoing: Outgoing) -> list[bool]:
        """Whether each record is durable; answers in time, whatever happens."""
        ...
