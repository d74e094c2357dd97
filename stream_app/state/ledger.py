"""What was counted of one partition: every record by its outcome, events by type, and the live windows. No I/O.

Each record has one outcome. `counted` and `late` are the events that became rows, as far as anybody knows yet, and
the totals count just these.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from avro_schemas.correction import DUPLICATE, Correction
from avro_schemas.live_aggregates import OUTCOME, OUTCOMES, SLOT_MS, TOTAL
from stream_app.state.counts import LiveCounts
from stream_app.state.dimensions import MAX_NAMES, Dimensions
from stream_app.state.event_reader import CountedEvent
from stream_app.state.grace import NEVER, closed_before, is_held, is_open
from stream_app.state.top_names import Counts, TopNames
from stream_app.state.windows import Partial

# Events that wait to be counted: bounds memory while a checkpoint takes long.
MAX_PENDING_EVENTS = 10_000


class Ledger:
    """Counts the records of one partition. `advance` says in which slot of ten seconds."""

    def __init__(self, dimensions: Dimensions, grace_ms: int) -> None:
        self.outcomes: Counts = dict.fromkeys(OUTCOMES, 0)
        self.windows = LiveCounts(dimensions)
        self._grace_ms = grace_ms
        self._totals = TopNames(MAX_NAMES)
        # Types of new events that are not in the totals yet.
        self._pending_types: list[str] = []
        # Start of the slot, and the time from which windows take events.
        self._slot = self._open_from = 0

    @property
    def totals(self) -> Counts:
        """Events since the beginning, by type."""
        self.count_pending()
        return self._totals.counts()

    def advance(self, slot: int) -> None:
        """Go to the slot that starts at `slot`."""
        self._slot, self._open_from = slot, closed_before(slot, self._grace_ms)

    def add(self, events: list[CountedEvent]) -> None:
        """Count events that are new."""
        self._pending_types += [event.event_type for event in events]
        in_time = uses = [event for event in events if event.moment >= self._open_from]
        if len(in_time) < len(events):
            in_time = [event for event in events if is_open(event, self._slot, self._grace_ms)]
            self.outcomes["late"] += len(events) - len(in_time)
            uses = [
                event if is_open(event, self._slot, self._grace_ms) else event._replace(moment=NEVER)
                for event in events
            ]
            for event in uses:
                if event.moment == NEVER:
                    self.windows.add_late(self._slot, event.event_type)
        self.outcomes["counted"] += len(in_time)
        self.windows.add(in_time)
        self.windows.use(uses)
        if len(self._pending_types) >= MAX_PENDING_EVENTS:
            self.count_pending()

    def add_duplicates(self, events: Sequence[CountedEvent]) -> None:
        """Count repeats."""
        self.outcomes["duplicate"] += len(events)
        for event in events:
            self.windows.add_duplicate(self._slot, event.event_type)

    def add_uncertain(self, events: Sequence[CountedEvent]) -> None:
        """Count events that wait for the sinks."""
        self.outcomes["uncertain"] += len(events)

    def add_rejected(self, reason: str) -> None:
        """Count a record that is not an event."""
        self.outcomes["rejected"] += 1
        self.windows.add_rejected(self._slot, reason)

    def correct(self, event: CountedEvent, correction: Correction) -> bool:
        """Give a record that was counted another outcome. Return whether any such record is counted."""
        appended_at = correction.appended_at
        before, after = self._outcomes(event, correction)
        self.count_pending()
        if not self.outcomes[before] or (before in _ROWS and not self._totals.take_back(event.event_type)):
            return False
        self.outcomes[before] -= 1
        self.outcomes[after] += 1
        if before == "counted" and is_held(event.moment, self._slot):
            self.windows.take_back(event)
        if after == "counted":
            self.windows.add([event])
        if after in _ROWS:
            self.windows.use([event if after == "counted" else event._replace(moment=NEVER)])
            self._pending_types.append(event.event_type)
        # Of a clock that was not believed there is no minute.
        if is_held(appended_at, self._slot) and appended_at < self._slot + SLOT_MS:
            self.windows.change_outcome(appended_at, event.event_type, correction.reason, before, after)
        return True

    def _outcomes(self, event: CountedEvent, correction: Correction) -> tuple[str, str]:
        """What the record counted as, and what it counts as now."""
        was_open = is_open(event, correction.appended_at - correction.appended_at % SLOT_MS, self._grace_ms)
        if correction.is_row:
            # A fresh one was taken for a repeat: of one that is not a row, or is not one any more.
            first = "duplicate" if event.is_fresh else "uncertain"
            was_rejected = correction.again and (self.outcomes["rejected"] or not event.is_fresh)
            is_counted = was_open and is_held(event.moment, self._slot)
            return "rejected" if was_rejected else first, "counted" if is_counted else "late"
        after = "duplicate" if correction.reason == DUPLICATE else "rejected"
        if not event.is_fresh:
            return "uncertain", after
        return "counted" if was_open else "late", after

    def count_pending(self) -> None:
        """Count everything that was added."""
        self.windows.count_pending()
        self._totals.add(Counter(self._pending_types), self._pending_types.copy)
        self._pending_types.clear()

    def partials(self) -> list[Partial]:
        """Counts since the beginning."""
        return [Partial(TOTAL, 0, 0, self._totals.counts()), Partial(OUTCOME, 0, 0, dict(self.outcomes))]

    def payload(self) -> dict[str, Any]:
        """For the control value."""
        return {"outcomes": self.outcomes, "totals": self._totals.payload()}

    def restore(self, outcomes: Counts, totals: Iterable[Any]) -> None:
        """Take over an earlier payload."""
        self.outcomes = {name: outcomes.get(name, 0) for name in OUTCOMES}
        self._totals.restore(*totals)


_ROWS = ("counted", "late")
