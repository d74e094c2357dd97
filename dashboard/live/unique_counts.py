"""Estimates of how many different users or visitors there were: HyperLogLog sketches by minute, united. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

from datasketches import hll_sketch, hll_union

from avro_schemas.live_aggregates import LG_REGISTERS


@dataclass(frozen=True, slots=True)
class _Partial:
    source_offset: int
    sketch: hll_sketch


class UniqueCounts:
    """The newest sketch of each minute and partition."""

    def __init__(self) -> None:
        # Minute's start -> partition -> its newest sketch.
        self._minutes: dict[int, dict[int, _Partial]] = {}
        # A cache of a minute's sketch over all partitions: every change to the minute deletes its entry.
        self._unions: dict[int, hll_sketch] = {}

    def merge(self, start: int, partition: int, source_offset: int, sketch: bytes) -> None:
        """Replace the partition's sketch of a minute, unless the one that is there is newer.

        Raise if the bytes are not a sketch: later it would be the snapshot that fails.
        """
        minute = self._minutes.setdefault(start, {})
        old = minute.get(partition)
        if old is None or source_offset >= old.source_offset:
            minute[partition] = _Partial(source_offset, hll_sketch.deserialize(sketch))
            self._unions.pop(start, None)

    def drop_before(self, start: int) -> None:
        """Drop the minutes that start earlier."""
        for expired in [minute for minute in self._minutes if minute < start]:
            del self._minutes[expired]
            self._unions.pop(expired, None)

    def since(self, start: int) -> list[hll_sketch]:
        """The sketches of all minutes from `start` on."""
        return [self._union(minute) for minute in self._minutes if minute >= start]

    def _union(self, minute: int) -> hll_sketch:
        if minute not in self._unions:
            union = hll_union(LG_REGISTERS)
            for partial in self._minutes[minute].values():
                union.update(partial.sketch)
            self._unions[minute] = union.get_result()
        return self._unions[minute]


def estimate(sketches: Iterable[hll_sketch]) -> float:
    """About how many different keys are in any of the sketches; up to some 190 it is exact."""
    union = hll_union(LG_REGISTERS)
    for sketch in sketches:
        union.update(sketch)
    return float(union.get_estimate())
