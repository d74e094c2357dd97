"""The state of one partition of `events`: a pure function of its log up to one position.

Nothing here reads a clock or depends on how the log was cut into batches; so two owners that have read the
same prefix hold the same state, and a replay needs no fence.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson

from avro_schemas.codec import Undecodable
from stream_app.event import Event, LogRecord, read
from stream_app.horizon import IdHorizon
from stream_app.minutes import MINUTE_MS, MinuteCounts
from stream_app.rates import KEY_SIZE, Rates, Verdict

CONTROL = "c"

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no event, and why."""

    record: LogRecord
    refusal: Undecodable


@dataclass(frozen=True, slots=True)
class Partial:
    """An absolute partial of this partition, as `live-aggregates` carries it."""

    dimension: str
    window_seconds: int
    window_start: int
    counts: Counts


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
        self.totals: Counts = {}
        self.horizon = IdHorizon()
        self.rates = Rates(limit)
        self.minutes = {"events": MinuteCounts(), "late": MinuteCounts()}
        self._grace_ms = grace_ms
        self._folds: dict[str, Fold] = {"ids": self.horizon, "rates": self.rates, **self.minutes}
        self._rejected: list[Rejected] = []
        self._written = -1

    def apply(self, records: Iterable[LogRecord]) -> None:
        """Fold records in offset order; those that are folded already are passed over."""
        for record in records:
            if record.offset > self.position:
                self.position = record.offset
                self.watermark = max(self.watermark, record.timestamp)
                self.horizon.roll(self.watermark)
                self.rates.roll(self.watermark)
                self._fold(record)

    def _fold(self, record: LogRecord) -> None:
        try:
            event = read(record)
        except Undecodable as refusal:
            self.outcomes["rejected"] += 1
            self._rejected.append(Rejected(record, refusal))
            return
        if self.horizon.is_repeat(event.event_id, self.watermark):
            self.outcomes["duplicate"] += 1
            return
        self.totals[event.event_type] = self.totals.get(event.event_type, 0) + 1
        if record.key is not None and len(record.key) == KEY_SIZE:
            self.rates.count(record.key)
        self._count_in_its_minute(event, record.timestamp)

    def _count_in_its_minute(self, event: Event, appended_at: int) -> None:
        moment = min(event.occurred_at, appended_at)
        window_end = (moment // MINUTE_MS + 1) * MINUTE_MS
        if window_end + self._grace_ms <= self.watermark:
            self.outcomes["late"] += 1
            self.minutes["late"].add(appended_at, event.event_type)
        else:
            self.outcomes["counted"] += 1
            self.minutes["events"].add(moment, event.event_type)

    def snapshot(self) -> Snapshot | None:
        """What changed since the last snapshot; None if nothing did."""
        if self.position == self._written:
            return None
        self._written = self.position
        rejected, self._rejected = self._rejected, []
        return Snapshot(
            position=self.position,
            watermark=self.watermark,
            values=[*self._changes(), (CONTROL, self._control())],
            partials=list(self._partials()),
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
        self.outcomes, self.totals = control["outcomes"], control["totals"]
        self.horizon.restore(_of_kind(values, "ids"), self.watermark)
        self.rates.restore(_of_kind(values, "rates"), self.watermark)
        for name, counts in self.minutes.items():
            counts.restore(_of_kind(values, name))

    def _changes(self) -> Iterator[tuple[str, bytes]]:
        for kind, fold in self._folds.items():
            for key, payload in fold.changes():
                yield f"{kind}|{key}", payload

    def _control(self) -> bytes:
        return orjson.dumps(
            {
                "position": self.position,
                "watermark": self.watermark,
                "outcomes": self.outcomes,
                "totals": self.totals,
            }
        )

    def _partials(self) -> Iterator[Partial]:
        yield Partial("total", 0, 0, dict(self.totals))
        yield Partial("outcome", 0, 0, dict(self.outcomes))
        for dimension, counts in self.minutes.items():
            for start, window in counts.windows():
                yield Partial(dimension, MINUTE_MS // 1000, start, window)


def _of_kind(values: dict[str, bytes], kind: str) -> list[bytes]:
    return [payload for key, payload in values.items() if key.startswith(f"{kind}|")]
