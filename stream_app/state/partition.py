"""The state of one partition of `events`: a function of its log up to one position, and of nothing else.

Nothing here does I/O, reads a clock or depends on how the log was cut into batches. So two owners that have read
the same prefix of the log hold the same state, and a replay needs no fence.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from avro_schemas.live_aggregates import HOUR_MS, MINUTE_MS, OUTCOME, SLOT_MS, TOTAL
from avro_schemas.wire.codec import Undecodable
from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.unreadable import UnreadableRecord
from stream_app.state.clock import MAX_JUMP_MS, NO_DOUBT, Doubt, next_time
from stream_app.state.counts import LiveCounts
from stream_app.state.dedup_window import DedupWindow
from stream_app.state.dimensions import MAX_NAMES, Dimensions, EmitEvery
from stream_app.state.event_reader import CountedEvent
from stream_app.state.rates import MinuteTotal, UserRates, Verdict
from stream_app.state.top_names import Counts, TopNames
from stream_app.state.windows import Partial

# Key of the value that completes a checkpoint: position, watermark, totals.
CONTROL = "c"
CONTROL_FIELDS = {
    "position": int,
    "watermark": int,
    "outcomes": dict,
    "totals": list,
    "doubt": list,
    "first_ids": int,
    "unknown_minute": int,
}
# Events of a partition that wait to be counted: bounds memory while a checkpoint takes long.
MAX_PENDING_EVENTS = 10_000
# Of records that wait for a snapshot: so many bytes more count as one more record.
_BYTES_PER_RECORD = 2_000
# Windows are emitted before the clock has gone on by this, and events are counted in windows whose hour began
# within HELD_MS: so none leaves the ring of 128 minutes before it was emitted as it is, however long we were away.
EMIT_WITHIN_MS = 6 * MINUTE_MS
HELD_MS = 110 * MINUTE_MS
# The moment of an event that cannot have happened yet: no window is open for it.
_NEVER = -1
# Offsets have fewer bits.
_GENERATION_BITS = 48


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that is not an event, and why."""

    record: KafkaRecord
    error: Undecodable


@dataclass(frozen=True, slots=True)
class Copy:
    """A record that also goes to the topic of its event type."""

    event_type: str
    record: KafkaRecord


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing is folded any more: the log is another one. And where a person may have it go on."""

    reason: str
    resume_at: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a checkpoint writes: changed values for the changelog, the control value last; and what it emits."""

    position: int
    # Rises with every snapshot that has values, also when a person let the position go back.
    fence: int
    watermark: int
    values: list[tuple[str, bytes]]
    partials: list[Partial]
    verdicts: list[Verdict]
    minute_totals: list[MinuteTotal]
    rejected: list[RejectedRecord]
    copies: list[Copy]


class StatePart(Protocol):
    """A part of the state, with values of its own in the changelog."""

    def changes(self) -> Iterator[tuple[str, bytes]]: ...

    def mark_all_dirty(self) -> None: ...


class PartitionState:
    """Folds the records of one partition. `position` is the last offset folded, -1 before the first."""

    def __init__(
        self,
        dimensions: Dimensions,
        *,
        limit: int,
        min_total_events: int,
        grace_ms: int,
        copied_types: Collection[str] = (),
    ) -> None:
        self.position = -1
        # Of the log that was folded: the id of its topic, and the leader epoch of the record at the position; -1
        # is unknown. And how often a person let the state go on in another log.
        self.topic_id: str | None = None
        self.leader_epoch = -1
        self._generation = 0
        self.stopped: Stop | None = None
        # The newest append time that can be believed: the clock of everything here.
        self.watermark = 0
        self._doubt = NO_DOUBT
        self.outcomes: Counts = {"counted": 0, "late": 0, "duplicate": 0, "rejected": 0}
        self.dedup_window = DedupWindow()
        self.rates = UserRates(limit, min_total_events)
        self.counts = LiveCounts(dimensions)
        self._read = dimensions.reader.read
        self._totals = TopNames(MAX_NAMES)
        # Types of new events that are not in the totals yet.
        self._pending_types: list[str] = []
        self._grace_ms = grace_ms
        # Start of the watermark's slot, start of the next one, and the time from which windows take events. They
        # only change together, in `_advance`.
        self._slot = self._next_slot = self._open_from = 0
        # The clock at which the windows that are pending now must be emitted.
        self._emit_at = 0
        self._parts: dict[str, StatePart] = {"ids": self.dedup_window, "rates": self.rates, **self.counts.parts}
        # For the next snapshot. They are not state: a crash loses them, and the records are then read again.
        self._rejected: list[RejectedRecord] = []
        self._copied_types, self._copies = frozenset(copied_types), list[Copy]()
        self._held_bytes = 0
        self._snapshot_position: int | None = -1
        self._advance(0)

    @property
    def totals(self) -> Counts:
        """Unique events since the beginning, by type."""
        self._count_pending()
        return self._totals.counts()

    @property
    def pending_records(self) -> int:
        """Records that are held for the next snapshot, each with its bytes; large ones count as several."""
        return len(self._rejected) + len(self._copies) + self._held_bytes // _BYTES_PER_RECORD

    def apply(self, records: Sequence[KafkaRecord]) -> Sequence[KafkaRecord]:
        """Fold records in offset order; skip those that are folded already.

        Return those that were not folded, as the clock would run away from windows that were not emitted: call
        again after a snapshot with all that is due.

        Time stands still within a slot of ten seconds: its events are folded together, and how the slot is cut
        into batches makes no difference.
        """
        read = self._read
        events: list[CountedEvent] = []
        for record in records:
            if record.offset <= self.position:
                continue
            event: CountedEvent | None
            error: Undecodable | None
            if record.__class__ is UnreadableRecord:
                event, error = None, Undecodable("record_unreadable", record.fault)
            else:
                try:
                    event, error = read(record), None
                except Undecodable as undecodable:
                    event, error = None, undecodable
            appended_at = record.timestamp
            if self.watermark < appended_at < self._next_slot:
                self.watermark = appended_at
            elif not self.watermark - MAX_JUMP_MS <= appended_at <= self.watermark:
                now, doubt = self._time_after(record, event)
                if now >= self._next_slot or now < self._slot:
                    self._fold(events)
                    events = []
                    if now >= self._emit_at and self.counts.is_pending:
                        return [each for each in records if each.offset >= record.offset]
                    self._advance(now)
                self.watermark, self._doubt = now, doubt
                if event and event.moment > now + MAX_JUMP_MS:
                    event = event._replace(moment=_NEVER)
            self.position = record.offset
            if error:
                self._reject(record, error)
            elif event:
                events.append(event)
                if event.event_type in self._copied_types:
                    self._copies.append(Copy(event.event_type, record))
                    self._held_bytes += len(record.value or b"")
        self._fold(events)
        return ()

    def pass_over(self, offset: int, leader_epoch: int) -> None:
        """Go on at `offset`: what is before it and was not folded holds no record, or is lost."""
        if offset > self.position:
            self.position, self.leader_epoch = offset - 1, leader_epoch

    def stop(self, reason: str, resume_at: int) -> None:
        """Note that the log is another one."""
        self.stopped = Stop(reason, resume_at)
        self._snapshot_position = None

    def go_on_from(self, offset: int) -> None:
        """Go on in another log, with all that was counted: a person decided so."""
        self.position, self.leader_epoch, self.stopped = offset - 1, -1, None
        self._generation += 1
        self._snapshot_position = None

    def _time_after(self, record: KafkaRecord, event: CountedEvent | None) -> tuple[int, Doubt]:
        """The clock after a record that moves it by a slot or more, or would if it was believed."""
        if -MAX_JUMP_MS <= record.timestamp - self.watermark <= MAX_JUMP_MS:
            return record.timestamp, self._doubt
        received_at = event.received if event else None
        return next_time(self.watermark, record.timestamp, received_at, self._doubt, self.position, record.offset)

    def _reject(self, record: KafkaRecord, error: Undecodable) -> None:
        self.outcomes["rejected"] += 1
        self.counts.add_rejected(self._slot, error.reason)
        self._rejected.append(RejectedRecord(record, error))
        self._held_bytes += len(record.value or b"")

    def _advance(self, now: int) -> None:
        """Go to the slot of `now`; backwards if the clock was wrong."""
        if now < self._slot:
            self.counts.go_back(now + MAX_JUMP_MS)
            self._emit_at = 0
        self._slot = now - now % SLOT_MS
        self._next_slot = self._slot + SLOT_MS
        if now >= self._emit_at:
            self._emit_at = self._slot + EMIT_WITHIN_MS
        self._open_from = self._closed_before(self._slot)
        self.dedup_window.advance(self._slot)
        self.rates.advance(self._slot)

    def _closed_before(self, now: int) -> int:
        """Minutes that ended at least the grace period before `now` are closed."""
        open_at = now - self._grace_ms - MINUTE_MS
        return open_at - open_at % MINUTE_MS + MINUTE_MS

    def _is_open(self, event: CountedEvent) -> bool:
        """Whether the event counts in its windows.

        It does if they were open when the collector received it, however long it was held on its way, and if we
        hold them still.
        """
        if event.moment >= self._open_from:
            return True
        hour = event.moment - event.moment % HOUR_MS
        return event.moment >= self._closed_before(event.received) and hour >= self._slot - HELD_MS

    def _fold(self, events: list[CountedEvent]) -> None:
        """Fold events of one slot."""
        if not events:
            return
        if repeated := self.dedup_window.repeats([event.id_tail for event in events], self._slot):
            self.outcomes["duplicate"] += len(repeated)
            for place in sorted(repeated):
                self.counts.add_duplicate(self._slot, events[place].event_type)
            events = [event for place, event in enumerate(events) if place not in repeated]
        self._pending_types += [event.event_type for event in events]
        self._count_rates(events)
        in_time = [event for event in events if event.moment >= self._open_from]
        if len(in_time) < len(events):
            in_time = [event for event in events if self._is_open(event)]
            self.outcomes["late"] += len(events) - len(in_time)
            for event in events:
                if not self._is_open(event):
                    self.counts.add_late(self._slot, event.event_type)
        self.outcomes["counted"] += len(in_time)
        self.counts.add(in_time)
        if len(self._pending_types) >= MAX_PENDING_EVENTS:
            self._count_pending()

    def _count_rates(self, events: list[CountedEvent]) -> None:
        """By append time; what was held for longer than a slot by the time when the collector received it."""
        received_before = self._slot - SLOT_MS
        if held := [event for event in events if event.received < received_before]:
            by_slot: dict[int, list[bytes | None]] = defaultdict(list)
            for event in held:
                by_slot[event.received // SLOT_MS].append(event.key)
            self.rates.count_held(by_slot)
            events = [event for event in events if event.received >= received_before]
        self.rates.count([event.key for event in events])

    def snapshot(self, due: EmitEvery = EmitEvery.TEN_SECONDS) -> Snapshot | None:
        """What changed since the last snapshot, with the windows that are due; None if nothing did."""
        self._count_pending()
        moved = self.position != self._snapshot_position
        partials = list(self.counts.partials(due))
        if not self.counts.is_pending:
            self._emit_at = self._slot + EMIT_WITHIN_MS
        if not moved and not partials:
            return None
        self._snapshot_position = self.position
        rejected, self._rejected = self._rejected, []
        copies, self._copies = self._copies, []
        self._held_bytes = 0
        totals = [Partial(TOTAL, 0, 0, self._totals.counts()), Partial(OUTCOME, 0, 0, dict(self.outcomes))]
        return Snapshot(
            position=self.position,
            fence=(self._generation << _GENERATION_BITS) + self.position,
            watermark=self.watermark,
            values=[*self._changes(), (CONTROL, self._control())] if moved else [],
            partials=[*(totals if moved else ()), *partials],
            verdicts=list(self.rates.verdicts()),
            minute_totals=list(self.rates.minute_totals()),
            rejected=rejected,
            copies=copies,
        )

    def mark_all_dirty(self) -> None:
        """Put everything into the next snapshot."""
        if self.position >= 0:
            self._snapshot_position = None
        for part in self._parts.values():
            part.mark_all_dirty()

    def restore(self, values: dict[str, bytes]) -> None:
        """Take over the values of earlier snapshots, by key."""
        control = orjson.loads(values[CONTROL])
        self.position, self.watermark = control["position"], control["watermark"]
        self.outcomes = control["outcomes"]
        self._totals.restore(*control["totals"])
        by_part: dict[str, list[bytes]] = {name: [] for name in self._parts}
        for key, payload in values.items():
            name, _, _place = key.partition("|")
            # A dimension that was removed leaves its values in the changelog.
            if name in by_part:
                by_part[name].append(payload)
        slot = self.watermark - self.watermark % SLOT_MS
        self.topic_id, self.leader_epoch = control["topic_id"], control["leader_epoch"]
        self._generation = control["generation"]
        self.stopped = Stop(*control["stopped"]) if control["stopped"] else None
        self._doubt = Doubt(*control["doubt"])
        self.dedup_window.restore(by_part["ids"], control["first_ids"])
        self.rates.unknown_minute = control["unknown_minute"]
        self.rates.restore(by_part["rates"], slot)
        self._advance(slot)
        self.counts.restore(by_part)

    def _count_pending(self) -> None:
        self.counts.count_pending()
        self._totals.add(Counter(self._pending_types), self._pending_types.copy)
        self._pending_types.clear()

    def _changes(self) -> Iterator[tuple[str, bytes]]:
        for name, part in self._parts.items():
            for key, payload in part.changes():
                yield f"{name}|{key}", payload

    def _control(self) -> bytes:
        return orjson.dumps(
            {
                "position": self.position,
                "watermark": self.watermark,
                "outcomes": self.outcomes,
                "totals": self._totals.payload(),
                "topic_id": self.topic_id,
                "leader_epoch": self.leader_epoch,
                "generation": self._generation,
                "stopped": [self.stopped.reason, self.stopped.resume_at] if self.stopped else None,
                "doubt": [self._doubt.records, self._doubt.offset],
                "first_ids": self.dedup_window.first_number,
                "unknown_minute": self.rates.unknown_minute,
            }
        )
