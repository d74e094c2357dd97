"""Counts by name in the windows of the last hour, and in all of them together. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from avro_schemas.live_aggregates import OTHER

Counts = dict[str, int]

# Of each partial this many names are kept; the others are counted together, so that made-up names cost no memory.
MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class _Held:
    source_offset: int
    counts: Mapping[str, int]


def bounded(counts: Mapping[str, int], max_names: int) -> Mapping[str, int]:
    """The most frequent names; the rest of them as `*`, so that the sum stays true."""
    if len(counts) <= max_names:
        return counts
    ranked = sorted(counts.items(), key=lambda pair: (pair[0] == OTHER, -pair[1], pair[0]))
    kept = dict(ranked[: max_names - 1])
    kept[OTHER] = sum(counts.values()) - sum(kept.values())
    return kept


class Rolling:
    """Of each window and partition the partial with the highest source offset; a value is their sum."""

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self._max_names = max_names
        # window start -> partition -> partial
        self._windows: dict[int, dict[int, _Held]] = {}
        # A window of all partitions together, as long as it does not change.
        self._summed: dict[int, Counts] = {}
        self.total: Counts = {}

    def put(self, start: int, partition: int, source_offset: int, counts: Mapping[str, int]) -> None:
        """Take a partial in; an older one than is there changes nothing."""
        window = self._windows.setdefault(start, {})
        held = window.get(partition)
        if held is not None and source_offset < held.source_offset:
            return
        kept = bounded(counts, self._max_names)
        window[partition] = _Held(source_offset, kept)
        self._summed.pop(start, None)
        if held is not None:
            self._add(held.counts, -1)
        self._add(kept, 1)

    def forget_before(self, start: int) -> None:
        """Let go of the windows that began earlier."""
        for old in [old for old in self._windows if old < start]:
            for held in self._windows.pop(old).values():
                self._add(held.counts, -1)
            self._summed.pop(old, None)

    def window(self, start: int) -> Counts:
        """The counts of one window."""
        if start not in self._windows:
            return {}
        if start not in self._summed:
            summed = self._summed[start] = {}
            for held in self._windows[start].values():
                for name, count in held.counts.items():
                    summed[name] = summed.get(name, 0) + count
        return self._summed[start]

    def first_and_last(self, name: str) -> tuple[int, int]:
        """Starts of the first and the last window that has the name; zeros where none has."""
        starts = [
            start
            for start, window in self._windows.items()
            if any(name in held.counts for held in window.values())
        ]
        return (min(starts), max(starts)) if starts else (0, 0)

    def _add(self, counts: Mapping[str, int], times: int) -> None:
        for name, count in counts.items():
            summed = self.total.get(name, 0) + times * count
            if summed:
                self.total[name] = summed
            else:
                self.total.pop(name, None)
