"""What was rejected in the last hour, counted by reason, and the last few of it. Pure."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avro_schemas.live_aggregates import MINUTE_MS
from avro_schemas.reasons import REASONS
from dashboard.live.state import SHOWN_MINUTES
from dashboard.render.panels import Rows

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


def rejection(rejected: Mapping[str, Any]) -> Rejection:
    """What is shown of a `RejectedEvent` record: never its body."""
    errors = rejected["errors"]
    reason = rejected["reason"] if rejected["reason"] in REASONS else "unexpected"
    pointer, expected = (errors[0]["pointer"], errors[0]["expected"]) if errors else ("", "")
    return Rejection(
        rejected["rejected_at"], rejected["rejected_by"], reason, rejected["event_type"], pointer, expected
    )


class Rejections:
    """Counts a minute and keeps no bodies, so its size does not depend on what is sent."""

    def __init__(self) -> None:
        self._minutes: dict[int, Counter[str]] = {}
        self._last: deque[tuple[int, Rejection]] = deque(maxlen=SHOWN_LAST)
        self._taken = 0

    def take(self, rejected: Mapping[str, Any]) -> Rejection | None:
        """Take a `RejectedEvent` record in; what is shown of it, None where another record told it already."""
        if rejected["rejected_by"] == "sinks" and rejected["reason"] != "row_rejected":
            return None  # the stream app has told of it: neither can read it
        shown = rejection(rejected)
        self._minutes.setdefault(shown.at // MINUTE_MS, Counter())[shown.reason] += 1
        self._taken += 1
        self._last.append((self._taken, shown))
        return shown

    def reasons(self, now: int) -> dict[str, int]:
        """Counts of the last hour by reason, the most frequent first; `now` in milliseconds since 1970."""
        oldest = now // MINUTE_MS - SHOWN_MINUTES
        for minute in [minute for minute in self._minutes if minute <= oldest]:
            del self._minutes[minute]
        return dict(sum(self._minutes.values(), Counter[str]()).most_common())

    def last(self) -> Rows:
        """The newest first."""
        newest = sorted(self._last, key=lambda taken: (taken[1].at, taken[0]), reverse=True)
        return {
            str(number): [each.at, each.event_type or "", each.pointer or "/", each.expected, each.reason]
            for number, each in newest
        }
