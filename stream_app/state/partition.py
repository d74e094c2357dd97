"""The state of one partition of `events`: a function of its log up to one position and of the corrections of the
sinks that were applied, and of nothing else.

Nothing here does I/O, reads a clock or depends on how the log was cut into batches. So two owners that have read
the same prefix of the log, and applied the same corrections at the same positions, hold the same state.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import orjson

from avro_schemas.correction import Correction
from avro_schemas.live_aggregates import SLOT_MS
from avro_schemas.wire.codec import Undecodable
from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.unreadable import UnreadableRecord
from stream_app.state.clock import MAX_JUMP_MS, NO_DOUBT, Doubt, next_time
from stream_app.state.corrections import Applied, CorrectionsState, FoldedLog, record_of
from stream_app.state.counts import LiveCounts
from stream_app.state.dedup_window import DedupWindow
from stream_app.state.dimensions import Dimensions, EmitEvery
from stream_app.state.event_reader import CountedEvent
from stream_app.state.grace import EMIT_WITHIN_MS, NEVER
from stream_app.state.ledger import Ledger
from stream_app.state.rates import UserRates
from stream_app.state.snapshot import CONTROL, HeldRecords, Snapshot, StatePart, Stop
from stream_app.state.top_names import Counts


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
        # is unknown.
        self.topic_id: str | None = None
        self.leader_epoch = -1
        # Of the first record that was folded; -1 before it. And the log before this one, if a person let us go on.
        self.first_offset = -1
        self.former_log: FoldedLog | None = None
        # Rises with each owner, and when a person lets the state go on in another log.
        self.term = 0
        self.stopped: Stop | None = None
        # The newest append time that can be believed: the clock of everything here.
        self.watermark = 0
        self._doubt = NO_DOUBT
        self.dedup_window = DedupWindow()
        self.rates = UserRates(limit, min_total_events)
        self.corrections = CorrectionsState()
        self._ledger = Ledger(dimensions, grace_ms)
        self._read = dimensions.reader.read
        # Start of the watermark's slot, and of the next one. They only change together, in `_advance`.
        self._slot = self._next_slot = 0
        # The clock at which the windows that are pending now must be emitted.
        self._emit_at = 0
        self._parts: dict[str, StatePart] = {
            "ids": self.dedup_window,
            "rates": self.rates,
            "uses": self.counts.first_uses,
            **self.counts.parts,
        }
        self._held, self._copied_types = HeldRecords(), frozenset(copied_types)
        self._snapshot_position: int | None = -1
        self._advance(0)

    @property
    def counts(self) -> LiveCounts:
        """The live windows."""
        return self._ledger.windows

    @property
    def outcomes(self) -> Counts:
        """All records since the beginning, by outcome."""
        return self._ledger.outcomes

    @property
    def totals(self) -> Counts:
        """Events since the beginning that became rows, as far as anybody knows yet, by type."""
        return self._ledger.totals

    @property
    def pending_records(self) -> int:
        """Records that are held for the next snapshot, each with its bytes; large ones count as several."""
        return len(self._held)

    def apply(self, records: Sequence[KafkaRecord]) -> Sequence[KafkaRecord]:
        """Fold records in offset order; skip those that are folded already.

        Return those that were not folded, as the clock would run away from windows that were not emitted: call
        again after a snapshot with all that is due.

        Time stands still within a slot of ten seconds: its events are folded together, and how the slot is cut
        into batches makes no difference.
        """
        read, windows = self._read, self._ledger.windows
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
                    # A copy, as the traceback holds this frame with all records, and the frame would hold it.
                    event, error = None, Undecodable(undecodable.reason, str(undecodable))
            appended_at = record.timestamp
            if self.watermark < appended_at < self._next_slot:
                self.watermark = appended_at
            elif not self.watermark - MAX_JUMP_MS <= appended_at <= self.watermark:
                if self.first_offset < 0:
                    self.first_offset = self.position + 1
                now, doubt = self._time_after(record, event)
                if now >= self._next_slot or now < self._slot:
                    self._fold(events)
                    events = []
                    if now >= self._emit_at and windows.is_pending:
                        return [each for each in records if each.offset >= record.offset]
                    self._advance(now)
                self.watermark, self._doubt = now, doubt
                if event and event.moment > now + MAX_JUMP_MS:
                    event = event._replace(moment=NEVER)
            self.position = record.offset
            if error:
                self._ledger.add_rejected(error.reason)
                self._held.reject(record, error)
            elif event:
                events.append(event)
                if event.event_type in self._copied_types:
                    self._held.copy(event.event_type, record)
        self._fold(events)
        return ()

    def pass_over(self, offset: int, leader_epoch: int) -> None:
        """Go on at `offset`: what is before it and was not folded holds no record, or is lost."""
        if offset > self.position:
            self.position, self.leader_epoch = offset - 1, leader_epoch

    def must_wait(self, correction: Correction) -> bool:
        """Whether the record of a correction may still be folded."""
        if correction.number <= self.corrections.number:
            return False
        if self.is_of_this_log(correction):
            return correction.event_offset > self.position
        return self._log_of(correction) is None

    def correct(self, offset: int, correction: Correction) -> Applied:
        """Take over a correction that was read at `offset` of its topic, and need not wait."""
        self.corrections.next = offset + 1
        if correction.number <= self.corrections.number:
            return Applied.KNOWN
        self.corrections.number = correction.number
        self._snapshot_position = None
        if correction.again and not correction.is_row:
            return Applied.KNOWN
        log = self._log_of(correction)
        if log is None or not log.first <= correction.event_offset <= log.last:
            return Applied.IMPOSSIBLE
        try:
            event = self._read(record_of(correction))
        except Undecodable:
            return Applied.IMPOSSIBLE
        if event.moment > self.watermark + MAX_JUMP_MS:
            event = event._replace(moment=NEVER)
        if not self._ledger.correct(event, correction):
            return Applied.IMPOSSIBLE
        if not event.is_fresh:
            self.corrections.judged(correction.appended_at, self.outcomes["uncertain"])
        return Applied.APPLIED

    def _log_of(self, correction: Correction) -> FoldedLog | None:
        """The log that the record of a correction is in; None if we know none such."""
        if self.is_of_this_log(correction):
            return FoldedLog(self.topic_id, self.first_offset, self.position)
        former = self.former_log
        return former if former and former.topic_id == correction.topic_id else None

    def is_of_this_log(self, correction: Correction) -> bool:
        """Whether the record of a correction is in the log that is folded now, as far as ids of topics tell."""
        return not correction.topic_id or not self.topic_id or correction.topic_id == self.topic_id

    def stop(self, reason: str, resume_at: int) -> None:
        """Note that the log is another one."""
        self.stopped = Stop(reason, resume_at)
        self._snapshot_position = None

    def go_on_from(self, offset: int, topic_id: str | None) -> None:
        """Go on in another log, with all that was counted: a person decided so."""
        if topic_id == self.topic_id:
            self.first_offset = min(self.first_offset, offset)
        else:
            self.former_log = FoldedLog(self.topic_id, self.first_offset, self.position)
            self.first_offset = offset
        self.position, self.leader_epoch, self.stopped, self.topic_id = offset - 1, -1, None, topic_id
        self._snapshot_position = None
        self.begin_term(self.term + 1)

    def begin_term(self, term: int) -> None:
        """From now on everything that is written is of this term. What was written before is not of the state."""
        self.term = term
        self.mark_all_dirty()

    def _time_after(self, record: KafkaRecord, event: CountedEvent | None) -> tuple[int, Doubt]:
        """The clock after a record that moves it by a slot or more, or would if it was believed."""
        if -MAX_JUMP_MS <= record.timestamp - self.watermark <= MAX_JUMP_MS:
            return record.timestamp, self._doubt
        received_at = event.received if event else None
        return next_time(self.watermark, record.timestamp, received_at, self._doubt, self.position, record.offset)

    def _advance(self, now: int) -> None:
        """Go to the slot of `now`; backwards if the clock was wrong."""
        if now < self._slot:
            self._ledger.windows.go_back(now + MAX_JUMP_MS)
            self._emit_at = 0
        self._slot = now - now % SLOT_MS
        self._next_slot = self._slot + SLOT_MS
        if now >= self._emit_at:
            self._emit_at = self._slot + EMIT_WITHIN_MS
        self._ledger.advance(self._slot)
        self.dedup_window.advance(self._slot)
        self.rates.advance(self._slot)

    def _fold(self, events: list[CountedEvent]) -> None:
        """Fold events of one slot. What is not fresh may be a repeat of anything: it waits for the sinks."""
        if not events:
            return
        fresh = [event.id_tail for event in events if event.is_fresh]
        repeated = self.dedup_window.repeats(fresh, self._slot)
        if not repeated and len(fresh) == len(events):
            self._count_rates(events)
            self._ledger.add(events)
            return
        places = [place for place, event in enumerate(events) if event.is_fresh]
        repeats = {places[number] for number in repeated}
        self._ledger.add_duplicates([events[place] for place in sorted(repeats)])
        others = [event for place, event in enumerate(events) if place not in repeats]
        self._count_rates(others)
        self._ledger.add([event for event in others if event.is_fresh])
        if uncertain := [event for event in others if not event.is_fresh]:
            self._ledger.add_uncertain(uncertain)
            self.corrections.wait(self._slot)

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
        self._ledger.count_pending()
        moved = self.position != self._snapshot_position
        partials = list(self.counts.partials(due))
        if not self.counts.is_pending:
            self._emit_at = self._slot + EMIT_WITHIN_MS
        if not moved and not partials:
            return None
        self._snapshot_position = self.position
        rejected, copies = self._held.take()
        return Snapshot(
            position=self.position,
            fence=(self.term, self.position),
            watermark=self.watermark,
            values=[*self._changes(), (CONTROL, self._control())] if moved else [],
            partials=[*(self._ledger.partials() if moved else ()), *partials],
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
        self.first_offset, former = control["first_offset"], control["former_log"]
        self.former_log = FoldedLog(*former) if former else None
        self._ledger.restore(control["outcomes"], control["totals"])
        self.corrections = CorrectionsState(**control["corrections"])
        by_part: dict[str, list[bytes]] = {name: [] for name in self._parts}
        for key, payload in values.items():
            name, _, _place = key.partition("|")
            # A dimension that was removed leaves its values in the changelog.
            if name in by_part:
                by_part[name].append(payload)
        slot = self.watermark - self.watermark % SLOT_MS
        self.topic_id, self.leader_epoch = control["topic_id"], control["leader_epoch"]
        self.stopped = Stop(*control["stopped"]) if control["stopped"] else None
        self._doubt = Doubt(*control["doubt"])
        self.dedup_window.restore(by_part["ids"], control["first_ids"])
        self.rates.unknown_minute = control["unknown_minute"]
        self.rates.restore(by_part["rates"], slot)
        self._advance(slot)
        self.counts.first_uses.restore(by_part["uses"])
        self.counts.restore(by_part)

    def _changes(self) -> Iterator[tuple[str, bytes]]:
        for name, part in self._parts.items():
            for key, payload in part.changes():
                yield f"{name}|{key}", payload

    def _control(self) -> bytes:
        former = self.former_log
        return orjson.dumps(
            {
                "position": self.position,
                "watermark": self.watermark,
                "first_offset": self.first_offset,
                "former_log": [former.topic_id, former.first, former.last] if former else None,
                **self._ledger.payload(),
                "corrections": self.corrections.payload(),
                "topic_id": self.topic_id,
                "leader_epoch": self.leader_epoch,
                "stopped": [self.stopped.reason, self.stopped.resume_at] if self.stopped else None,
                "doubt": [self._doubt.records, self._doubt.offset],
                "first_ids": self.dedup_window.first_number,
                "unknown_minute": self.rates.unknown_minute,
            }
        )
