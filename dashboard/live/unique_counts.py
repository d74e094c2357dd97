"""Estimates of how many different users or visitors there were: HyperLogLog sketches by minute, united. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

from avro_schemas.key_sketch import KeySketch, united


@dataclass(frozen=True, slots=True)
class _Partial:
    source_offset: int
    sketch: KeySketch


class UniqueCounts:
    """The newest sketch of each minute and partition."""

    def __init__(self) -> None:
        # Minute's start -> partition -> its newest sketch.
        self._minutes: dict[int, dict[int, _Partial]] = {}
        # A cache of a minute's sketch over all partitions: every change to the minute deletes its entry.
        self._unions: dict[int, KeySketch] = {}

    def merge(self, start: int, partition: int, source_offset: int, sketch: bytes) -> None:
        """Replace the partition's sketch of a minute, unless the one that is there is newer.

        Raise NotASketch if the bytes are none: later it would be the snapshot that fails.
        """
        minute = self._minutes.setdefault(start, {})
        old = minute.get(partition)
        if old is None or source_offset >= old.source_offset:
            minute[partition] = _Partial(source_offset, KeySketch.from_bytes(sketch))
            self._unions.pop(start, None)

    def drop_before(self, start: int) -> None:
        """Drop the minutes that start earlier."""
        for expired in [minute for minute in self._minutes if minute < start]:
            del self._minutes[expired]
            self._unions.pop(expired, None)

    def since(self, start: int) -> list[KeySketch]:
        """The sketches of all minutes from `start` on."""
        return [self._union(minute) for minute in self._minutes if minute >= start]

    def _union(self, minute: int) -> KeySketch:
        if minute not in self._unions:
            self._unions[minute] = united(partial.sketch for partial in self._minutes[minute].values())
        return self._unions[minute]


def estimate(sketches: Iterable[KeySketch]) -> float:
    """About how many different keys are in any of the sketches; up to some 190 it is exact."""
    return united(sketches).estimate()
