"""The rejected events of the last hour: counts by reason, and the latest few. No I/O."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avro_schemas.live_aggregates import MINUTE_MS
from avro_schemas.reasons import REASONS
from dashboard.live.state import SHOWN_MINUTES
from dashboard.render.panels import Rows

SHOWN_LATEST = 8


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
        self._added = 0

    def add(self, record: Mapping[str, Any]) -> RejectedEvent | None:
        """Count a `RejectedEvent` record. None for a record that another service has reported as well."""
        if record["rejected_by"] == "sinks" and record["reason"] != "row_rejected":
            return None  # The stream app cannot read the event either, and reports it too.
        event = _rejected_event(record)
        self._minutes.setdefault(event.at // MINUTE_MS, Counter())[event.reason] += 1
        self._added += 1
        self._latest.append((self._added, event))
        return event

    def reasons(self, now: int) -> dict[str, int]:
        """Counts of the last hour by reason, the most frequent first; `now` in milliseconds since 1970."""
        oldest = now // MINUTE_MS - SHOWN_MINUTES
        for minute in [minute for minute in self._minutes if minute <= oldest]:
            del self._minutes[minute]
        return dict(sum(self._minutes.values(), Counter[str]()).most_common())

    def latest(self) -> Rows:
        """The newest first."""
        newest = sorted(self._latest, key=lambda numbered: (numbered[1].at, numbered[0]), reverse=True)
        return {
            str(number): [event.at, event.event_type or "", event.pointer or "/", event.expected, event.reason]
            for number, event in newest
        }


def _rejected_event(record: Mapping[str, Any]) -> RejectedEvent:
    faults = record["errors"]
    reason = record["reason"] if record["reason"] in REASONS else "unexpected"
    pointer, expected = (faults[0]["pointer"], faults[0]["expected"]) if faults else ("", "")
    return RejectedEvent(
        record["rejected_at"], record["rejected_by"], reason, record["event_type"], pointer, expected
    )
