"""Counts by name in windows: the grains of a dimension, and longer windows summed from them.

Only the grains are state. They are stored in a ring, in memory and in the changelog; the sums follow from them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from avro_schemas.live_aggregates import HOUR_MS, MINUTE_MS, OTHER
from stream_app.state.dimensions import MAX_NAME_LENGTH, Dimension, EmitEvery

# How far back the ring goes: an hour, and more than the grace period for late events.
RING_MS = 128 * MINUTE_MS

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Partial:
    """This partition's part of a window, as an absolute value for `live-aggregates`; no counts: it has expired."""

    dimension: str
    window_ms: int
    start: int
    counts: Counts | None
    sketch: bytes | None = None


def add_bounded(window: Counts, counted: Mapping[str, int], max_names: int) -> Counts:
    """Add counts to a window with a bounded number of names. Return what was added, by the names it got.

    The first names to come stay. So the names depend on the order of the log, not on how it was cut into batches.
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
        self._ring_size = RING_MS // dimension.grain_ms
        # By grain number. All lie within the ring: newest - ring size < number <= newest.
        self._grains: dict[int, Counts] = {}
        self._newest = 0
        # By window length and number. Each sums grains that are all within the ring, so that it can be summed
        # again after a crash.
        self._sums: dict[tuple[int, int], Counts] = {}
        # Grains to write to the changelog.
        self._dirty: set[int] = set()
        # Windows to emit, by length and number; also such that have expired.
        self._pending: set[tuple[int, int]] = set()

    def add(self, moment: int, counted: Mapping[str, int]) -> None:
        """Count names in the windows of `moment` (milliseconds since 1970)."""
        grain = moment // self._dimension.grain_ms
        if grain > self._newest:
            self._advance(grain)
        added = add_bounded(self._grains.setdefault(grain, {}), counted, self._dimension.max_names)
        self._dirty.add(grain)
        self._pending.add((self._dimension.grain_ms, grain))
        self._sum_up(moment, added)

    def partials(self, due: EmitEvery) -> Iterator[Partial]:
        """The windows that changed or expired since they were emitted, of those that are due."""
        for key in sorted(key for key in self._pending if self._dimension.emit_every(key[0]) <= due):
            self._pending.remove(key)
            window_ms, number = key
            counts = self._grains.get(number) if window_ms == self._dimension.grain_ms else self._sums.get(key)
            # Hours outlive the ring: the topic's retention removes them.
            if counts is not None or window_ms < HOUR_MS:
                # A copy, as the window goes on counting while the partial is published.
                value = None if counts is None else dict(counts)
                yield Partial(self._dimension.name, window_ms, number * window_ms, value)

    def newest(self, window_ms: int) -> Counts:
        """The newest window of this length."""
        of_length = [number for length, number in self._sums if length == window_ms]
        return dict(self._sums[window_ms, max(of_length)]) if of_length else {}

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """Values to write to the changelog since the last call, by their place in the ring."""
        for grain in sorted(self._dirty & self._grains.keys()):
            yield str(grain % self._ring_size), orjson.dumps([grain, self._grains[grain]])
        self._dirty.clear()

    def mark_all_dirty(self) -> None:
        """Write and emit everything at the next calls of `changes` and `partials`."""
        self._dirty.update(self._grains)
        self._pending.update((self._dimension.grain_ms, grain) for grain in self._grains)
        self._pending.update(self._sums)

    def restore(self, payloads: list[bytes]) -> None:
        """Take over values of earlier `changes`, in any order."""
        self._grains = dict(map(orjson.loads, payloads))
        self._advance(max(self._grains, default=0))
        for grain, counts in self._grains.items():
            self._sum_up(grain * self._dimension.grain_ms, counts)
        self._pending.clear()

    def _sum_up(self, moment: int, added: Counts) -> None:
        for window_ms in self._dimension.windows_ms:
            number = moment // window_ms
            if self._is_whole(window_ms, number):
                window = self._sums.setdefault((window_ms, number), {})
                for name, count in added.items():
                    window[name] = window.get(name, 0) + count
                self._pending.add((window_ms, number))

    def _is_whole(self, window_ms: int, number: int) -> bool:
        """Whether all grains of a window are in the ring."""
        return number * window_ms > (self._newest - self._ring_size) * self._dimension.grain_ms

    def _advance(self, grain: int) -> None:
        self._newest = grain
        for old in [old for old in self._grains if old <= grain - self._ring_size]:
            del self._grains[old]
            self._pending.add((self._dimension.grain_ms, old))
        for key in [key for key in self._sums if not self._is_whole(*key)]:
            del self._sums[key]
            self._pending.add(key)
