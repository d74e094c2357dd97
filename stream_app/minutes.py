"""Counts by name in minute windows, such as the events of each type."""

from collections.abc import Iterator

import orjson

MINUTE_MS = 60_000
# Minutes kept in memory and in the log: more than the grace period leaves open.
_RING = 64


class MinuteCounts:
    """Counts of the last 64 minutes of one partition."""

    def __init__(self) -> None:
        self._windows: dict[int, dict[str, int]] = {}
        self._newest = 0
        self._dirty: set[int] = set()
        self._said: set[int] = set()

    def add(self, moment: int, name: str) -> None:
        """Count `name` in the minute of `moment` (milliseconds since 1970)."""
        minute = moment // MINUTE_MS
        if minute > self._newest:
            self._move_to(minute)
        window = self._windows.setdefault(minute, {})
        window[name] = window.get(name, 0) + 1
        self._dirty.add(minute)
        self._said.add(minute)

    def windows(self) -> Iterator[tuple[int, dict[str, int]]]:
        """Start (milliseconds) and counts of each window that changed since the last call."""
        for minute in sorted(self._said & self._windows.keys()):
            yield minute * MINUTE_MS, dict(self._windows[minute])
        self._said.clear()

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """What to write since the last call, by ring key."""
        for minute in sorted(self._dirty & self._windows.keys()):
            yield str(minute % _RING), orjson.dumps([minute, self._windows[minute]])
        self._dirty.clear()

    def change_all(self) -> None:
        """Write and say everything at the next calls of `changes` and `windows`."""
        self._dirty.update(self._windows)
        self._said.update(self._windows)

    def restore(self, payloads: list[bytes]) -> None:
        """Take over what `changes` once gave, in any order."""
        self._windows = dict(map(orjson.loads, payloads))
        self._move_to(max(self._windows, default=0))

    def _move_to(self, minute: int) -> None:
        self._newest = minute
        for old in [old for old in self._windows if old <= minute - _RING]:
            del self._windows[old]
