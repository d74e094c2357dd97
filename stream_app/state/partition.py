"""The state of one partition of `events`: a pure function of its log up to one position.

Nothing here reads a clock or depends on how the log was cut into batches; so two owners that have read the
same prefix hold the same state, and a replay needs no fence.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson

from avro_schemas.live_aggregates import MINUTE_MS, OUTCOME, SLOT_MS, TOTAL
from avro_schemas.wire.codec import Undecodable
from service_kit.kafka import KafkaRecord
from stream_app.state.counts import LiveCounts
from stream_app.state.dedup_window import IdHorizon
from stream_app.state.dimensions import MAX_NAMES, Pace
from stream_app.state.event_reader import Row, read
from stream_app.state.rates import MinuteTotal, Rates, Verdict
from stream_app.state.windows import Counts, Partial, add_bounded

CONTROL = "c"
# Events that wait to be counted, in a partition: bounds memory while a checkpoint takes long.
MAX_UNCOUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no event, and why."""

    record: KafkaRecord
    refusal: Undecodable


@dataclass(frozen=True, slots=True)
class Copy:
    """A record that goes to the topic of its event type too."""

    event_type: str
    record: KafkaRecord


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a checkpoint writes: changed values, the control value last; and what it tells the world."""

    position: int
    watermark: int
    values: list[tuple[str, bytes]]
    partials: list[Partial]
    verdicts: list[Verdict]
    minutes: list[MinuteTotal]
    rejected: list[Rejected]
    copies: list[Copy]


class Fold(Protocol):
    """A part of the state that says what of it changed, to be written under keys of its own."""

    def changes(self) -> Iterator[tuple[str, bytes]]: ...

    def change_all(self) -> None: ...


class PartitionState:
    """Folds the records of one partition. `position` is the last offset folded, -1 before the first."""

    def __init__(self, *, limit: int, tell_from: int, grace_ms: int, copied: Collection[str] = ()) -> None:
        self.position = -1
        self.watermark = 0
        self.outcomes: Counts = {"counted": 0, "late": 0, "duplicate": 0, "rejected": 0}
        self.horizon = IdHorizon()
        self.rates = Rates(limit, tell_from)
        self.counts = LiveCounts()
        self._totals: Counts = {}
        self._types: list[str] = []
        self._grace_ms = grace_ms
        self._slot = self._next_slot = self._open_from = 0
        self._folds: dict[str, Fold] = {"ids": self.horizon, "rates": self.rates, **self.counts.folds}
        self._rejected: list[Rejected] = []
        self._copied, self._copies = frozenset(copied), list[Copy]()
        self._written = -1

    @property
    def totals(self) -> Counts:
        """Unique events since the beginning, by type."""
        self._settle()
        return self._totals

    @property
    def waiting(self) -> int:
        """Records that are held for the next snapshot, each with its bytes."""
        return len(self._rejected) + len(self._copies)

    def apply(self, records: Iterable[KafkaRecord]) -> None:
        """Fold records in offset order; those that are folded already are passed over.

        The watermark is the newest append time. Time stands still within a slot of ten seconds: its events are
        folded together, and how far the slot is cut up makes no difference.
        """
        rows: list[Row] = []
        for record in records:
            if record.offset <= self.position:
                continue
            self.position = record.offset
            if record.timestamp > self.watermark:
                if record.timestamp >= self._next_slot:
                    self._fold(rows)
                    rows = []
                    self._roll(record.timestamp)
                self.watermark = record.timestamp
            try:
                row = read(record)
            except Undecodable as refusal:
                self._reject(record, refusal)
                continue
            rows.append(row)
            if row.event_type in self._copied:
                self._copies.append(Copy(row.event_type, record))
        self._fold(rows)

    def _reject(self, record: KafkaRecord, refusal: Undecodable) -> None:
        self.outcomes["rejected"] += 1
        self.counts.rejected(self._slot, refusal.reason)
        self._rejected.append(Rejected(record, refusal))

    def _roll(self, now: int) -> None:
        """Come into the slot of `now`."""
        self._slot = now - now % SLOT_MS
        self._next_slot = self._slot + SLOT_MS
        # Windows that end with this minute or later take events; earlier ones are over, the grace included.
        open_at = self._slot - self._grace_ms - MINUTE_MS
        self._open_from = open_at - open_at % MINUTE_MS + MINUTE_MS
        self.horizon.roll(self._slot)
        self.rates.roll(self._slot)

    def _fold(self, rows: list[Row]) -> None:
        """Fold events of one slot."""
        if not rows:
            return
        if again := self.horizon.repeats([row.tail for row in rows], self._slot):
            self.outcomes["duplicate"] += len(again)
            for place in sorted(again):
                self.counts.duplicate(self._slot, rows[place].event_type)
            rows = [row for place, row in enumerate(rows) if place not in again]
        self._types += [row.event_type for row in rows]
        self.rates.count([row.key for row in rows])
        in_time = [row for row in rows if row.moment >= self._open_from]
        self.outcomes["counted"] += len(in_time)
        self.counts.counted(in_time)
        if len(in_time) < len(rows):
            self.outcomes["late"] += len(rows) - len(in_time)
            for row in rows:
                if row.moment < self._open_from:
                    self.counts.late(self._slot, row.event_type)
        if len(self._types) >= MAX_UNCOUNTED:
            self._settle()

    def snapshot(self, pace: Pace = Pace.LATER) -> Snapshot | None:
        """What changed since the last snapshot, with the windows of this pace; None if nothing did."""
        self._settle()
        moved = self.position != self._written
        partials = list(self.counts.partials(pace))
        if not moved and not partials:
            return None
        self._written = self.position
        rejected, self._rejected = self._rejected, []
        copies, self._copies = self._copies, []
        totals = [Partial(TOTAL, 0, 0, dict(self._totals)), Partial(OUTCOME, 0, 0, dict(self.outcomes))]
        return Snapshot(
            position=self.position,
            watermark=self.watermark,
            values=[*self._changes(), (CONTROL, self._control())] if moved else [],
            partials=[*(totals if moved else ()), *partials],
            verdicts=list(self.rates.verdicts()),
            minutes=list(self.rates.minutes()),
            rejected=rejected,
            copies=copies,
        )

    def change_all(self) -> None:
        """Put everything into the next snapshot: after a recovery, and after a foreign write."""
        self._written = -1
        for fold in self._folds.values():
            fold.change_all()

    def restore(self, values: dict[str, bytes]) -> None:
        """Take over the values of earlier snapshots, by key."""
        control = orjson.loads(values[CONTROL])
        self.position, self.watermark = control["position"], control["watermark"]
        self.outcomes, self._totals = control["outcomes"], control["totals"]
        by_fold: dict[str, list[bytes]] = {name: [] for name in self._folds}
        for key, payload in values.items():
            name, _, _ring_key = key.partition("|")
            # A fold that is no more leaves its values in the log.
            if name in by_fold:
                by_fold[name].append(payload)
        slot = self.watermark - self.watermark % SLOT_MS
        self.horizon.restore(by_fold["ids"], slot)
        self.rates.restore(by_fold["rates"], slot)
        self._roll(slot)
        self.counts.restore(by_fold)

    def _settle(self) -> None:
        self.counts.settle()
        add_bounded(self._totals, Counter(self._types), MAX_NAMES)
        self._types.clear()

    def _changes(self) -> Iterator[tuple[str, bytes]]:
        for name, fold in self._folds.items():
            for key, payload in fold.changes():
                yield f"{name}|{key}", payload

    def _control(self) -> bytes:
        return orjson.dumps(
            {
                "position": self.position,
                "watermark": self.watermark,
                "outcomes": self.outcomes,
                "totals": self._totals,
            }
        )
