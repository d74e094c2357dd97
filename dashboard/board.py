"""The live counts: absolute partials merged into what a viewer sees. Pure: their order does not matter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MINUTE_MS = 60_000
# Minutes shown; older partials are let go.
SHOWN_MINUTES = 60
KEPT_MINUTES = 90

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class _Held:
    source_offset: int
    watermark: int
    counts: Mapping[str, int]


class Board:
    """Of each partition and window the partial with the highest source offset; a value is their sum."""

    def __init__(self) -> None:
        # (dimension, window seconds, window start) -> partition -> partial
        self._windows: dict[tuple[str, int, int], dict[int, _Held]] = {}
        self.version = 0

    def merge(self, partial: Mapping[str, Any]) -> None:
        """Take a `LiveAggregate` record in."""
        key = (partial["dimension"], partial["window_seconds"], partial["window_start"])
        window = self._windows.setdefault(key, {})
        held = window.get(partial["partition"])
        if held is None or partial["source_offset"] >= held.source_offset:
            window[partial["partition"]] = _Held(partial["source_offset"], partial["watermark"], partial["counts"])
            self.version += 1

    def forget_before(self, now: int) -> None:
        """Let go of minutes that are no longer shown; `now` in milliseconds since 1970."""
        oldest = now - KEPT_MINUTES * MINUTE_MS
        for key in [key for key in self._windows if 0 < key[2] < oldest]:
            del self._windows[key]

    def total(self) -> Counts:
        """All events since the beginning, by type."""
        return self._sum("total", 0, 0)

    def outcomes(self) -> Counts:
        """All records since the beginning, by outcome."""
        return self._sum("outcome", 0, 0)

    def minutes(self, now: int) -> list[tuple[int, Counts]]:
        """Start and counts by type of each of the last 60 minutes, the current one last."""
        current = now // MINUTE_MS * MINUTE_MS
        starts = range(current - (SHOWN_MINUTES - 1) * MINUTE_MS, current + 1, MINUTE_MS)
        return [(start, self._sum("events", MINUTE_MS // 1000, start)) for start in starts]

    def watermark(self) -> int | None:
        """When the newest counted event was appended; None before the first."""
        return max(
            (
                held.watermark
                for (dimension, *_), window in self._windows.items()
                if dimension == "outcome"
                for held in window.values()
            ),
            default=None,
        )

    def _sum(self, dimension: str, seconds: int, start: int) -> Counts:
        summed: Counts = {}
        for held in self._windows.get((dimension, seconds, start), {}).values():
            for name, count in held.counts.items():
                summed[name] = summed.get(name, 0) + count
        return summed
