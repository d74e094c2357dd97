"""The state of one partition of `events`: a pure function of its log up to one position.

Nothing here reads a clock or depends on how the log was cut into batches; so two owners that have read the
same prefix hold the same state, and a replay needs no fence.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson

from avro_schemas.codec import Undecodable
from stream_app.counts import LiveCounts
from stream_app.dimensions import MINUTE_MS, MOST_NAMES, Pace
from stream_app.event import READER, LogRecord
from stream_app.horizon import IdHorizon
from stream_app.rates import KEY_SIZE, Rates, Verdict
from stream_app.windows import Counts, Partial, add_bounded

CONTROL = "c"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no event, and why."""

    record: LogRecord
    refusal: Undecodable


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a checkpoint writes: changed values, the control value last; and what it tells the world."""

    position: int
    watermark: int
    values: list[tuple[str, bytes]]
    partials: list[Partial]
    verdicts: list[Verdict]
    rejected: list[Rejected]


class Fold(Protocol):
    """A part of the state that says what of it changed, to be written under keys of its own."""

    def changes(self) -> Iterator[tuple[str, bytes]]: ...

    def change_all(self) -> None: ...


class PartitionState:
    """Folds the records of one partition. `position` is the last offset folded, -1 before the first."""

    def __init__(self, *, limit: int, grace_ms: int) -> None:
        self.position = -1
        self.watermark = 0
        self.outcomes: Counts = {"counted": 0, "late": 0, "duplicate": 0, "rejected": 0}
        self.horizon = IdHorizon()
        self.rates = Rates(limit)
        self.counts = LiveCounts()
        self._totals: Counts = {}
        self._types: list[str] = []
        self._grace_ms = grace_ms
        self._folds: dict[str, Fold] = {"ids": self.horizon, "rates": self.rates, **self.counts.folds}
        self._rejected: list[Rejected] = []
        self._written = -1

    @property
    def totals(self) -> Counts:
        """Unique events since the beginning, by type."""
        self._settle()
        return self._totals

    def apply(self, records: Iterable[LogRecord]) -> None:
        """Fold records in offset order; those that are folded already are passed over."""
        for record in records:
            if record.offset > self.position:
                self.position = record.offset
                if record.timestamp > self.watermark:
                    self.watermark = record.timestamp
                    self.horizon.roll(record.timestamp)
                    self.rates.roll(record.timestamp)
                self._fold(record)

    def _fold(self, record: LogRecord) -> None:
        appended_at, key = record.timestamp, record.key
        try:
            row = READER.read(record.value, appended_at)
        except Undecodable as refusal:
            self.outcomes["rejected"] += 1
            self.counts.rejected(appended_at, refusal.reason)
            self._rejected.append(Rejected(record, refusal))
            return
        event_id, occurred_at, event_type = row[1], row[2], row[4][0]
        if self.horizon.is_repeat(event_id, self.watermark):
            self.outcomes["duplicate"] += 1
            self.counts.duplicate(appended_at, event_type)
            return
        self._types.append(event_type)
        if key is not None and len(key) == KEY_SIZE:
            self.rates.count(key)
        moment = occurred_at if occurred_at < appended_at else appended_at
        if moment - moment % MINUTE_MS + MINUTE_MS + self._grace_ms <= self.watermark:
            self.outcomes["late"] += 1
            self.counts.late(appended_at, event_type)
        else:
            self.outcomes["counted"] += 1
            self.counts.counted(moment, key, row)

    def snapshot(self, pace: Pace = Pace.LATER) -> Snapshot | None:
        """What changed since the last snapshot, with the windows of this pace; None if nothing did."""
        self._settle()
        moved = self.position != self._written
        partials = list(self.counts.partials(pace))
        if not moved and not partials:
            return None
        self._written = self.position
        rejected, self._rejected = self._rejected, []
        totals = [Partial("total", 0, 0, dict(self._totals)), Partial("outcome", 0, 0, dict(self.outcomes))]
        return Snapshot(
            position=self.position,
            watermark=self.watermark,
            values=[*self._changes(), (CONTROL, self._control())] if moved else [],
            partials=[*(totals if moved else ()), *partials],
            verdicts=list(self.rates.verdicts()),
            rejected=rejected,
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
        self.horizon.restore(by_fold["ids"], self.watermark)
        self.rates.restore(by_fold["rates"], self.watermark)
        self.counts.restore(by_fold)

    def _settle(self) -> None:
        self.counts.settle()
        add_bounded(self._totals, Counter(self._types), MOST_NAMES)
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
