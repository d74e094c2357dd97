"""Estimates of how many different users or visitors there were: HyperLogLog sketches by minute, united. No I/O."""

from collections.abc import Iterable

from avro_schemas.key_sketch import KeySketch, united


class UniqueCounts:
    """The keys of each minute, of all partitions together.

    The sketch of a partition and minute only ever grows, so older ones and repeated ones change nothing.
    """

    def __init__(self) -> None:
        self._minutes: dict[int, KeySketch] = {}

    def merge(self, start: int, sketch: bytes) -> None:
        """Add the keys of a partition to a minute. Raise NotASketch if the bytes are none."""
        found = KeySketch.from_bytes(sketch)
        self._minutes[start] = united((self._minutes[start], found)) if start in self._minutes else found

    def drop_before(self, start: int) -> None:
        """Drop the minutes that start earlier."""
        for expired in [minute for minute in self._minutes if minute < start]:
            del self._minutes[expired]

    def since(self, start: int) -> list[KeySketch]:
        """The sketches of all minutes from `start` on."""
        return [sketch for minute, sketch in self._minutes.items() if minute >= start]


def estimate(sketches: Iterable[KeySketch]) -> float:
    """About how many different keys are in any of the sketches; up to some 190 it is exact."""
    return united(sketches).estimate()
