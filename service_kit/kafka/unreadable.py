"""What of a topic no code can read: single records, and batches that are damaged on the broker's disk. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from service_kit.kafka.record import Headers
from service_kit.settings import setting

# A place in a topic: topic, partition and offset.
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that a consumer must not take for what it seems to be; `fault` says why.

    Names of headers that are not UTF-8 have their other bytes escaped, as Python's `backslashreplace` does. Of a
    damaged batch (`is_lost`) nobody knows what it was.
    """

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    fault: str
    headers: Headers = ()
    timestamp_type: int = 0
    checksum: None = None
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class DamagedBatch:
    """Stands for the records from `offset` up to, not including, `next_offset`: their batch cannot be read.

    The consumer stays in front of it. It comes as the last of the records of a fetch.
    """

    offset: int
    next_offset: int
    timestamp: int
    value: bytes
    fault: str
    key: None = None
    headers: Headers = ()
    timestamp_type: int = 0
    checksum: None = None

    def stepped_over(self) -> list[UnreadableRecord]:
        """A record per offset, for somebody who goes on behind it. The first one has the bytes of the batch."""
        return [
            UnreadableRecord(
                *(offset, self.timestamp, None, self.value if offset == self.offset else None, self.fault),
                is_lost=True,
            )
            for offset in range(self.offset, self.next_offset)
        ]


def how_to_go_on(topic: str, partition: int, batch: DamagedBatch, state_of: str = "") -> str:
    """What has happened, and what an operator can do. `state_of`: the topic whose counts the batch was part of."""
    records = batch.next_offset - batch.offset
    going_on = (
        f"to count partition {partition} again, from the first record of {state_of} that Kafka still has"
        if state_of
        else f"to go on at offset {batch.next_offset}, and store the {records} records between as dead letters"
    )
    return (
        f"{topic}/{partition} stops at the damaged batch at offset {batch.offset} ({batch.fault}). Make a healthy "
        "replica the leader, and it goes on by itself; or set "
        f"FOOTFALL_SKIP_BATCHES={topic}:{partition}:{batch.offset} {going_on}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipSettings:
    """Damaged batches that readers step over."""

    skip_batches: tuple[str, ...] = setting(
        (),
        help="Damaged batches to step over, as TOPIC:PARTITION:OFFSET; `/readyz` and the log name them.",
    )

    def __post_init__(self) -> None:
        """Raise ValueError for what is not a place."""
        self.places()

    def places(self) -> frozenset[Place]:
        """Where the batches begin."""
        return frozenset(map(_place, self.skip_batches))


def _place(text: str) -> Place:
    topic, _, rest = text.partition(":")
    partition, _, offset = rest.partition(":")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise ValueError(
            "FOOTFALL_SKIP_BATCHES must be places of the form TOPIC:PARTITION:OFFSET, separated by commas, not "
            f"{text!r}."
        )
    return topic, int(partition), int(offset)


class StoppedPartitions:
    """Partitions that stop at a damaged batch, and when each is tried again: somebody may have mended it."""

    RETRY_SECONDS = 15.0

    def __init__(self, states: Mapping[str, str] = MappingProxyType({})) -> None:
        """`states`: the topics that hold states, and what they are states of."""
        self._states = states
        self._batches: dict[tuple[str, int], tuple[DamagedBatch, float]] = {}

    def stop(self, topic: str, partition: int, batch: DamagedBatch, now: float) -> bool:
        """Take note; `now` in seconds of any clock. Return whether it is news."""
        before = self._batches.get((topic, partition))
        self._batches[topic, partition] = (batch, now + self.RETRY_SECONDS)
        return before is None or before[0].offset != batch.offset

    def read(self, topic: str, partition: int) -> None:
        """Records of the partition came: it does not stop any more."""
        self._batches.pop((topic, partition), None)

    def clear(self) -> None:
        """At a rebalance."""
        self._batches.clear()

    def due(self, now: float) -> list[tuple[str, int]]:
        """The partitions to try again now. Until they are read, they count as stopped."""
        found = [place for place, (_batch, retry_at) in self._batches.items() if now >= retry_at]
        for place in found:
            self._batches[place] = (self._batches[place][0], now + self.RETRY_SECONDS)
        return found

    def batches(self) -> dict[tuple[str, int], DamagedBatch]:
        """Where they stop."""
        return {place: batch for place, (batch, _retry_at) in self._batches.items()}

    def how_to_go_on(self, topic: str, partition: int, batch: DamagedBatch) -> str:
        """What has happened, and what an operator can do."""
        return how_to_go_on(topic, partition, batch, self._states.get(topic, ""))

    def reason(self) -> str | None:
        """Of the first one; None if none stops."""
        for (topic, partition), batch in sorted(self.batches().items(), key=lambda item: item[0]):
            return self.how_to_go_on(topic, partition, batch)
        return None
