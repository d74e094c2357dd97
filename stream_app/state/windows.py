"""Counts by name in windows: the grains of a dimension, and longer windows summed from them.

Only the grains are state. They are stored in a ring, in memory and in the changelog; the sums follow from them,
and are made when they are emitted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from avro_schemas.live_aggregates import HOUR_MS, MINUTE_MS
from stream_app.state.dimensions import Dimension, EmitEvery
from stream_app.state.top_names import Counts, TopNames, summed

# How far back the ring goes: an hour, and more than the grace period for late events.
RING_MS = 128 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Partial:
    """This partition's part of a window, as an absolute value for `live-aggregates`; no counts: it has expired."""

    dimension: str
    window_ms: int
    start: int
    counts: Counts | None
    sketch: bytes | None = None


class Windows:
    """The windows of one dimension in one partition."""

    def __init__(self, dimension: Dimension) -> None:
        self._dimension = dimension
        self._ring_size = RING_MS // dimension.grain_ms
        # By grain number. All lie within the ring: newest - ring size < number <= newest.
        self._grains: dict[int, TopNames] = {}
        self._newest = 0
        # Longer windows that have counts and whose grains are all within the ring, by length and number.
        self._longer: set[tuple[int, int]] = set()
        # Grains to write to the changelog.
        self._dirty: set[int] = set()
        # Grains whose value in the changelog a recovery must not take, as the clock was wrong.
        self._dropped: set[int] = set()
        # Windows to emit, by length and number; also such that have expired.
        self._pending: set[tuple[int, int]] = set()

    def add(
        self,
        moment: int,
        counted: Mapping[str, int],
        in_order: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        """Count names in the windows of `moment` (milliseconds since 1970); the rest is as in `TopNames.add`."""
        grain = moment // self._dimension.grain_ms
        if grain > self._newest:
            self._advance(grain)
        window = self._grains.get(grain)
        if window is None:
            window = self._grains[grain] = self._new_window()
        window.add(counted, in_order)
        self._dirty.add(grain)
        self._pending.add((self._dimension.grain_ms, grain))
        self._pending.update(self._note_longer(moment))

    def take_back(self, moment: int, name: str) -> None:
        """Count a name once less in the windows of `moment`, if it was counted and they are still there."""
        grain = moment // self._dimension.grain_ms
        window = self._grains.get(grain)
        if window is not None and window.take_back(name):
            self._dirty.add(grain)
            self._pending.add((self._dimension.grain_ms, grain))
            self._pending.update(self._note_longer(moment))

    @property
    def is_pending(self) -> bool:
        """Whether any window is to be emitted."""
        return bool(self._pending)

    def go_back(self, latest: int) -> None:
        """The clock was wrong: drop the windows that begin after `latest`."""
        for grain in [grain for grain in self._grains if grain * self._dimension.grain_ms > latest]:
            del self._grains[grain]
            self._dropped.add(grain)
            self._pending.add((self._dimension.grain_ms, grain))
        for key in [key for key in self._longer if key[0] * key[1] > latest]:
            self._longer.remove(key)
            self._pending.add(key)
        self._newest = max(self._grains, default=0)

    def partials(self, due: EmitEvery) -> Iterator[Partial]:
        """The windows that changed or expired since they were emitted, of those that are due."""
        for key in sorted(key for key in self._pending if self._dimension.emit_every(key[0]) <= due):
            self._pending.remove(key)
            window_ms, number = key
            counts = self._counts(window_ms, number)
            # Hours outlive the ring: the topic's retention removes them.
            if counts is not None or window_ms < HOUR_MS:
                yield Partial(self._dimension.name, window_ms, number * window_ms, counts)

    def newest(self, window_ms: int) -> Counts:
        """The newest window of this length."""
        of_length = [number for length, number in self._longer if length == window_ms]
        return (self._counts(window_ms, max(of_length)) or {}) if of_length else {}

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """Values to write to the changelog since the last call, by their place in the ring."""
        places = {grain % self._ring_size for grain in self._grains} if self._dropped else ()
        for grain in sorted(self._dropped):
            if grain % self._ring_size not in places:
                yield str(grain % self._ring_size), orjson.dumps([grain, None])
        self._dropped.clear()
        for grain in sorted(self._dirty & self._grains.keys()):
            yield str(grain % self._ring_size), orjson.dumps([grain, *self._grains[grain].payload()])
        self._dirty.clear()

    def mark_all_dirty(self) -> None:
        """Write and emit everything at the next calls of `changes` and `partials`."""
        self._dirty.update(self._grains)
        self._pending.update((self._dimension.grain_ms, grain) for grain in self._grains)
        self._pending.update(self._longer)

    def restore(self, payloads: list[bytes]) -> None:
        """Take over values of earlier `changes`, in any order."""
        for grain, counts, *inherited in map(orjson.loads, payloads):
            if counts is not None:
                window = self._grains[grain] = self._new_window()
                window.restore(counts, *inherited)
        self._advance(max(self._grains, default=0))
        for grain in self._grains:
            self._note_longer(grain * self._dimension.grain_ms)
        self._pending.clear()

    def _counts(self, window_ms: int, number: int) -> Counts | None:
        """The counts of a window, which the caller may keep; None if it has expired.

        A longer window is summed from its grains, with as many names as one grain may have: so it follows from
        the state alone, after a recovery too.
        """
        if window_ms == self._dimension.grain_ms:
            grain = self._grains.get(number)
            return None if grain is None else grain.counts()
        if (window_ms, number) not in self._longer:
            return None
        per_window = window_ms // self._dimension.grain_ms
        grains = map(self._grains.get, range(number * per_window, (number + 1) * per_window))
        return summed((grain.counts() for grain in grains if grain), self._dimension.max_names)

    def _new_window(self) -> TopNames:
        return TopNames(self._dimension.max_names, self._dimension.max_name_bytes)

    def _note_longer(self, moment: int) -> list[tuple[int, int]]:
        """The longer windows that a moment counts in."""
        found = [(window_ms, moment // window_ms) for window_ms in self._dimension.windows_ms]
        whole = [key for key in found if self._is_whole(*key)]
        self._longer.update(whole)
        return whole

    def _is_whole(self, window_ms: int, number: int) -> bool:
        """Whether all grains of a window are in the ring."""
        return number * window_ms > (self._newest - self._ring_size) * self._dimension.grain_ms

    def _advance(self, grain: int) -> None:
        self._newest = grain
        for old in [old for old in self._grains if old <= grain - self._ring_size]:
            del self._grains[old]
            self._pending.add((self._dimension.grain_ms, old))
        for key in [key for key in self._longer if not self._is_whole(*key)]:
            self._longer.remove(key)
            self._pending.add(key)
