"""Counts by name in windows, and in all of them together. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from avro_schemas.live_aggregates import OTHER

Counts = dict[str, int]

# Names per partial. The counts of further names are added up, so that made-up names cannot fill the memory.
MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class _Partial:
    source_offset: int
    counts: Mapping[str, int]


def bounded(counts: Mapping[str, int], max_names: int) -> Mapping[str, int]:
    """The most frequent names, and the others together as `*`, so that the sum stays the same."""
    if len(counts) <= max_names:
        return counts
    ranked = sorted(counts.items(), key=lambda pair: (pair[0] == OTHER, -pair[1], pair[0]))
    top = dict(ranked[: max_names - 1])
    top[OTHER] = sum(counts.values()) - sum(top.values())
    return top


class WindowedCounts:
    """The counts of each window: the sum over all partitions of the partial with the highest source offset."""

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self._max_names = max_names
        # Window start -> partition -> its newest partial.
        self._windows: dict[int, dict[int, _Partial]] = {}
        # A cache of sums over the partitions of a window: every change to the window deletes its entry.
        self._sums: dict[int, Counts] = {}
        # Always the sum of all partials in `_windows`, without names that count 0.
        self.total: Counts = {}

    def merge(self, start: int, partition: int, source_offset: int, counts: Mapping[str, int]) -> None:
        """Replace the partition's partial in a window, unless the one that is there is newer."""
        window = self._windows.setdefault(start, {})
        old = window.get(partition)
        if old is not None and source_offset < old.source_offset:
            return
        new = bounded(counts, self._max_names)
        window[partition] = _Partial(source_offset, new)
        self._sums.pop(start, None)
        if old is not None:
            self._add_to_total(old.counts, -1)
        self._add_to_total(new, 1)

    def drop_before(self, start: int) -> None:
        """Drop the windows that start earlier."""
        for expired in [window for window in self._windows if window < start]:
            for partial in self._windows.pop(expired).values():
                self._add_to_total(partial.counts, -1)
            self._sums.pop(expired, None)

    def window(self, start: int) -> Counts:
        """The counts of one window."""
        if start not in self._windows:
            return {}
        if start not in self._sums:
            sums = self._sums[start] = {}
            for partial in self._windows[start].values():
                for name, count in partial.counts.items():
                    sums[name] = sums.get(name, 0) + count
        return self._sums[start]

    def first_and_last(self, name: str) -> tuple[int, int]:
        """The starts of the first and the last window that count the name; zeros where none does."""
        starts = [
            start
            for start, window in self._windows.items()
            if any(name in partial.counts for partial in window.values())
        ]
        return (min(starts), max(starts)) if starts else (0, 0)

    def _add_to_total(self, counts: Mapping[str, int], sign: int) -> None:
        for name, count in counts.items():
            if total := self.total.get(name, 0) + sign * count:
                self.total[name] = total
            else:
                self.total.pop(name, None)
