"""Records to be published, and the interface of what publishes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Header = tuple[str, bytes]
# What became of a record whose acknowledgement nobody waits for.
Queued = Literal["queued", "too_large", "kafka_unavailable"]

# The headers of an event, the key, and the lengths of all parts.
_OVERHEAD = 350


class Record(NamedTuple):
    """A record for Kafka. Without a key `event_id` selects the partition, so that duplicates meet in one."""

    event_id: str
    value: bytes
    headers: Sequence[Header]

    @property
    def size(self) -> int:
        """About how many bytes of a record batch it takes, without measuring each header.

        The subject is not in it: the value of an event has it twice, so it adds at most half.
        """
        return len(self.value) + _OVERHEAD


@dataclass(slots=True)
class PublishRequest:
    """The records of one HTTP request, which share a key."""

    key: bytes | None
    records: Sequence[Record]
    # Called with records that were acknowledged after `publish` had reported them as not durable.
    on_late_ack: Callable[[Sequence[Record]], None] = lambda _records: None


class EventPublisher(Protocol):
    """What makes records durable."""

    @property
    def is_available(self) -> bool:
        """Whether it takes records now."""
        ...

    async def publish(self, request: PublishRequest) -> list[bool]:
        """Whether each record is durable. Returns in bounded time, even if nothing answers."""
        ...
