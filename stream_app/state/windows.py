"""Counts by name in windows: of a dimension's grain, and added up from that in longer ones.

Only the grains are state. A ring of them is kept, in memory and in the log; the sums follow from them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from avro_schemas.live_aggregates import HOUR_MS, MINUTE_MS, OTHER
from stream_app.state.dimensions import MAX_NAME_LENGTH, Dimension, Pace

# What the ring reaches back: an hour, and more than the grace period that it stays open for late events.
KEPT_MS = 128 * MINUTE_MS

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Partial:
    """An absolute partial of this partition, as `live-aggregates` carries it; no counts: the window is let go."""

    dimension: str
    window_ms: int
    start: int
    counts: Counts | None
    sketch: bytes | None = None


def add_bounded(window: Counts, counted: Mapping[str, int], max_names: int) -> Counts:
    """Add counts to a window that keeps a bounded number of names; what was added, by the names it got.

    The first names to come stay. So what is kept depends on the order of the log, not on how it was cut.
    """
    added: Counts = {}
    for full_name, count in counted.items():
        name = full_name[:MAX_NAME_LENGTH]
        if name not in window and len(window) >= max_names:
            name = OTHER
        window[name] = window.get(name, 0) + count
        added[name] = added.get(name, 0) + count
    return added


class Windows:
    """The windows of one dimension in one partition."""

    def __init__(self, dimension: Dimension) -> None:
        self._dimension = dimension
        self._ring = KEPT_MS // dimension.grain_ms
        self._grains: dict[int, Counts] = {}
        self._newest = 0
        self._sums: dict[tuple[int, int], Counts] = {}
        self._dirty: set[int] = set()
        self._untold: set[tuple[int, int]] = set()

    def add(self, moment: int, counted: Mapping[str, int]) -> None:
        """Count names in the windows of `moment` (milliseconds since 1970)."""
        grain = moment // self._dimension.grain_ms
        if grain > self._newest:
            self._move_to(grain)
        added = add_bounded(self._grains.setdefault(grain, {}), counted, self._dimension.max_names)
        self._dirty.add(grain)
        self._untold.add((self._dimension.grain_ms, grain))
        self._sum_up(moment, added)

    def partials(self, pace: Pace) -> Iterator[Partial]:
        """The windows of this pace that changed since they were told, or were let go."""
        for key in sorted(key for key in self._untold if self._dimension.pace(key[0]) <= pace):
            self._untold.remove(key)
            window_ms, number = key
            counts = self._grains.get(number) if window_ms == self._dimension.grain_ms else self._sums.get(key)
            # Hours outlive the ring: the topic's retention ends them.
            if counts is not None or window_ms < HOUR_MS:
                told = None if counts is None else dict(counts)
                yield Partial(self._dimension.name, window_ms, number * window_ms, told)

    def newest(self, window_ms: int) -> Counts:
        """The newest window of this length, for a look from outside."""
        of_length = [number for length, number in self._sums if length == window_ms]
        return dict(self._sums[window_ms, max(of_length)]) if of_length else {}

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """What to write since the last call, by ring key."""
        for grain in sorted(self._dirty & self._grains.keys()):
            yield str(grain % self._ring), orjson.dumps([grain, self._grains[grain]])
        self._dirty.clear()

    def change_all(self) -> None:
        """Write and tell everything at the next calls of `changes` and `partials`."""
        self._dirty.update(self._grains)
        self._untold.update((self._dimension.grain_ms, grain) for grain in self._grains)
        self._untold.update(self._sums)

    def restore(self, payloads: list[bytes]) -> None:
        """Take over what `changes` once gave, in any order."""
        self._grains = dict(map(orjson.loads, payloads))
        self._move_to(max(self._grains, default=0))
        for grain, counts in self._grains.items():
            self._sum_up(grain * self._dimension.grain_ms, counts)
        self._untold.clear()

    def _sum_up(self, moment: int, added: Counts) -> None:
        for window_ms in self._dimension.windows_ms:
            number = moment // window_ms
            if self._is_whole(window_ms, number):
                window = self._sums.setdefault((window_ms, number), {})
                for name, count in added.items():
                    window[name] = window.get(name, 0) + count
                self._untold.add((window_ms, number))

    def _is_whole(self, window_ms: int, number: int) -> bool:
        """Whether all grains of a window are in the ring, so that it can be added up anew after a crash."""
        return number * window_ms > (self._newest - self._ring) * self._dimension.grain_ms

    def _move_to(self, grain: int) -> None:
        self._newest = grain
        for old in [old for old in self._grains if old <= grain - self._ring]:
            del self._grains[old]
            self._untold.add((self._dimension.grain_ms, old))
        for key in [key for key in self._sums if not self._is_whole(*key)]:
            del self._sums[key]
            self._untold.add(key)
