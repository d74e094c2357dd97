"""What a fetch covers: offsets that hold no record are not lost, and batches have a leader epoch.

aiokafka delivers records and nothing else. But offsets without one are part of every log that somebody writes in
transactions (markers, aborted records) or that was compacted: whoever takes them for a gap looks for them in vain.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from service_kit.kafka.consumer import install
from service_kit.kafka.unreadable import DamagedBatch, UnreadableRecord

_EPOCH = struct.Struct(">i")
# Of a record batch: where its leader epoch stands, and the version of its format.
_EPOCH_AT, _MAGIC_AT = 12, 16
# So many spans without records of a partition are known; older ones are read again where they are needed.
_MAX_SPANS = 10_000


class Covered(list[Any]):
    """Records of a partition, and the offsets that they are all records of: `start` up to, not including, `next`.

    `epoch` is the leader epoch of the last batch, -1 if it is not known.
    """

    def __init__(self, records: Iterable[Any], start: int, next_offset: int, epoch: int = -1) -> None:
        super().__init__(records)
        self.start, self.next, self.epoch = start, next_offset, epoch


@dataclass(frozen=True, slots=True)
class EmptySpan:
    """Offsets from `start` up to, not including, `next`, none of which holds a record."""

    start: int
    next: int
    epoch: int


class Fetches:
    """Which offsets hold no record, as far as fetches that brought nothing else have shown."""

    def __init__(self) -> None:
        # By partition, by their first offset.
        self._empty: dict[TopicPartition, dict[int, EmptySpan]] = {}

    def add(self, tp: TopicPartition, span: EmptySpan) -> None:
        """A fetch found no record in these offsets."""
        spans = self._empty.setdefault(tp, {})
        spans[span.start] = span
        while len(spans) > _MAX_SPANS:
            del spans[next(iter(spans))]

    def empty_from(self, tp: TopicPartition, offset: int) -> EmptySpan | None:
        """All offsets from `offset` on that are known to hold no record, once; None if the first may hold one."""
        spans, start, found = self._empty.get(tp, {}), offset, None
        while offset in spans:
            found = spans.pop(offset)
            offset = found.next
        return None if found is None else EmptySpan(start, found.next, found.epoch)


def follow_fetches() -> Fetches:
    """From now on the consumers of this process deliver `Covered` lists. Return where they found no record."""
    found = Fetches()

    class CoveredResult(fetcher.FetchResult):  # type: ignore[misc] # aiokafka has no types here
        def getall(self, max_records: int | None = None) -> list[Any]:
            part = self._partition_records
            start = part.next_fetch_offset if part else -1
            records: list[Any] = super().getall(max_records)
            if part is None or (not records and part.next_fetch_offset == start):
                return records
            covered = Covered(records, start, part.next_fetch_offset, _epoch(records, part._records.current))
            if not records:
                found.add(self._topic_partition, EmptySpan(start, covered.next, covered.epoch))
            return covered

    install()
    fetcher.FetchResult = CoveredResult
    return found


def _epoch(records: Sequence[Any], batch: memoryview) -> int:
    """The leader epoch of a batch; what is damaged says nothing."""
    damaged = bool(records) and isinstance(records[-1], DamagedBatch | UnreadableRecord)
    if damaged or len(batch) <= _MAGIC_AT or batch[_MAGIC_AT] < 2:
        return -1
    return int(_EPOCH.unpack_from(batch, _EPOCH_AT)[0])
