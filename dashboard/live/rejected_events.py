"""The rejected events of the last hour: counts by reason, and the latest few. No I/O."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avro_schemas.live_aggregates import MINUTE_MS
from avro_schemas.reasons import FORBIDDEN_REASONS, REASONS
from dashboard.live.people_now import SHOWN_MINUTES
from dashboard.render.panel import Rows

SHOWN_LATEST = 8
# Of them, at most so many requests of senders who may not send: anybody can make those, and as many as they like.
_SHOWN_FORBIDDEN = 3


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """What is shown of a rejected event: when (ms since 1970), by which service, its first fault. No body."""

    at: int
    by: str
    reason: str
    event_type: str | None
    pointer: str
    expected: str


class RejectedEvents:
    """Stores counts per minute and a few entries, so its size does not depend on what clients send."""

    def __init__(self) -> None:
        self._minutes: dict[int, Counter[str]] = {}
        # The latest with their numbers, which are the names of their rows.
        self._latest: deque[tuple[int, RejectedEvent]] = deque(maxlen=SHOWN_LATEST)
        self._forbidden: deque[tuple[int, RejectedEvent]] = deque(maxlen=_SHOWN_FORBIDDEN)
        self._added = 0

    def add(self, record: Mapping[str, Any]) -> RejectedEvent | None:
        """Count a `RejectedEvent` record. None for a record that another service has reported as well."""
        if record["rejected_by"] == "sinks" and record["reason"] != "row_rejected":
            return None  # The stream app cannot read the event either, and reports it too.
        event = _rejected_event(record)
        self._minutes.setdefault(event.at // MINUTE_MS, Counter())[event.reason] += 1
        self._added += 1
        latest = self._forbidden if event.reason in FORBIDDEN_REASONS else self._latest
        latest.append((self._added, event))
        return event

    def reasons(self, now: int) -> dict[str, int]:
        """Counts of the last hour by reason, the most frequent first; `now` in milliseconds since 1970."""
        oldest = now // MINUTE_MS - SHOWN_MINUTES
        for minute in [minute for minute in self._minutes if minute <= oldest]:
            del self._minutes[minute]
        return dict(sum(self._minutes.values(), Counter[str]()).most_common())

    def latest(self) -> Rows:
        """The newest first."""
        both = [*self._latest, *self._forbidden]
        newest = sorted(both, key=lambda numbered: (numbered[1].at, numbered[0]), reverse=True)
        return {
            str(number): [event.at, event.event_type or "", event.pointer or "/", event.expected, event.reason]
            for number, event in _with_some_of_each(newest)
        }


def _with_some_of_each(newest: list[tuple[int, RejectedEvent]]) -> list[tuple[int, RejectedEvent]]:
    """The newest that are shown: neither events nor requests that were not allowed take all places."""
    others = [each for each in newest if each[1].reason not in FORBIDDEN_REASONS]
    left_out = {number for number, _event in others[SHOWN_LATEST - (len(newest) - len(others)) :]}
    return [each for each in newest if each[0] not in left_out]


def _rejected_event(record: Mapping[str, Any]) -> RejectedEvent:
    faults = record["errors"]
    reason = record["reason"] if record["reason"] in REASONS else "unexpected"
    pointer, expected = (faults[0]["pointer"], faults[0]["expected"]) if faults else ("", "")
    return RejectedEvent(
        record["rejected_at"], record["rejected_by"], reason, record["event_type"], pointer, expected
    )
