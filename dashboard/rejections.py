"""What was rejected in the last hour, counted by reason, and the last few of it. Pure."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avro_schemas.reasons import REASONS
from dashboard.board import MINUTE_MS

SHOWN_MINUTES = 60
SHOWN_LAST = 8


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rejected event: when (ms since 1970), by whom, and the first thing that is wrong."""

    at: int
    by: str
    reason: str
    event_type: str | None
    pointer: str
    expected: str


class Rejections:
    """Counts a minute and keeps no bodies, so its size does not depend on what is sent."""

    def __init__(self) -> None:
        self._minutes: dict[int, Counter[str]] = {}
        self._last: deque[Rejection] = deque(maxlen=SHOWN_LAST)

    def take(self, rejected: Mapping[str, Any]) -> None:
        """Take a `RejectedEvent` record in."""
        if rejected["rejected_by"] == "sinks" and rejected["reason"] != "row_refused":
            return  # the stream app has told of it: neither can read it
        at, errors = rejected["rejected_at"], rejected["errors"]
        reason = rejected["reason"] if rejected["reason"] in REASONS else "unexpected"
        self._minutes.setdefault(at // MINUTE_MS, Counter())[reason] += 1
        pointer, expected = (errors[0]["pointer"], errors[0]["expected"]) if errors else ("", "")
        self._last.append(
            Rejection(at, rejected["rejected_by"], reason, rejected["event_type"], pointer, expected)
        )

    def last_hour(self, now: int) -> dict[str, int]:
        """Counts by reason, the most frequent first; `now` in milliseconds since 1970."""
        oldest = now // MINUTE_MS - SHOWN_MINUTES
        for minute in [minute for minute in self._minutes if minute <= oldest]:
            del self._minutes[minute]
        return dict(sum(self._minutes.values(), Counter[str]()).most_common())

    def last(self) -> list[Rejection]:
        """The newest first."""
        return sorted(self._last, key=lambda rejection: -rejection.at)
