"""What the sinks say about records is applied once each, wherever a crash comes; then live counts equal the rows."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids
from avro_schemas.correction import Correction
from avro_schemas.wire.freshness import is_fresh
from stream_app.engine.changelog import Recovery, changelog_key, fenced
from stream_app.state.corrections import Applied
from stream_app.state.partition import PartitionState
from stream_app.state.snapshot import Snapshot
from tests.support.events import NOON, Record, encoded, event
from tests.support.partition_states import (
    ANN,
    BOB,
    HOUR,
    MINUTE,
    correction,
    emitted,
    everything,
    fold,
    folded,
    new_state,
)

PAUSES = st.sampled_from([0, 100, 4_000, 11_000, 65_000, 150_000])
TYPES = ["click", "page_view", "scroll"]


@dataclass(frozen=True)
class Sent:
    """A record of the log, as a plain model sees it."""

    record: Record
    event_id: str
    event_type: str
    page: str
    moment: int
    received: int

    @property
    def is_fresh(self) -> bool:
        return is_fresh(event_ids.timestamp_ms(self.event_id), self.received, self.record.timestamp)

    @property
    def is_late(self) -> bool:
        """By the slot of its append, or by the time of its receipt if it was held."""
        starts = (self.record.timestamp // 10_000 * 10_000, self.received)
        return all(self.moment < (at - 11 * MINUTE) // MINUTE * MINUTE + MINUTE for at in starts)


@dataclass
class Case:
    """A log, the corrections that the sinks publish about it, and which of its records are rows in the end."""

    log: list[Sent]
    corrections: list[Correction]
    rows: list[Sent]
    duplicates: int
    rejected: int


@st.composite
def logs(draw: st.DrawFn) -> list[Sent]:
    """Up to 40 records within 100 minutes: twelve ids, each sent again and again, held, late, early and in time."""
    now, sent = NOON, list[Sent]()
    for offset in range(draw(st.integers(1, 40))):
        now += draw(PAUSES)
        number = draw(st.integers(0, 11))
        event_id = event_ids.generate(NOON + number * 4 * MINUTE, bytes([0, number] * 5))
        received = now - draw(st.sampled_from([0, 0, 0, 30_000, 6 * MINUTE, 12 * MINUTE]))
        moment = received - draw(st.sampled_from([0, 30_000, 5 * MINUTE, 20 * MINUTE]))
        event_type, page = TYPES[number % 3], f"/{number % 2}"
        data = {"page": page} if event_type == "page_view" else {"element": "a"}
        fields = event(event_type, received, occurred_at=moment, event_id=event_id, event_data=data)
        record = Record(offset, now, [ANN, BOB, None][number % 3], encoded(fields))
        sent.append(Sent(record, event_id, event_type, page, moment, received))
    return sent


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """The sinks: one row an id over all partitions; some rows are put aside, and some of those replayed."""
    log = draw(logs())
    rows = {sent.event_id: None for sent in log if draw(st.integers(0, 9)) == 0}  # in other partitions
    found, row_of = list[tuple[Sent, bool, str, bool]](), dict[str, Sent]()
    in_window, put_aside, duplicates = set[str](), list[Sent](), 0
    for sent in log:
        repeats = sent.is_fresh and sent.event_id in in_window
        if sent.is_fresh:
            in_window.add(sent.event_id)
        if sent.event_id in rows or sent.event_id in row_of:
            duplicates += 1
            if not repeats:
                found.append((sent, False, "duplicate", False))
        elif draw(st.integers(0, 4)) == 0 and not repeats:
            put_aside.append(sent)
            found.append((sent, False, "row_rejected", False))
        else:
            row_of[sent.event_id] = sent
            if repeats or not sent.is_fresh:
                found.append((sent, True, "", False))
    for sent in list(put_aside):
        if draw(st.booleans()) and sent.event_id not in row_of:
            put_aside.remove(sent)
            row_of[sent.event_id] = sent
            found.append((sent, True, "", True))
    corrections = [
        correction(10 * n, sent.record, is_row=is_row, reason=reason, again=again)
        for n, (sent, is_row, reason, again) in enumerate(found)
    ]
    for _ in range(draw(st.integers(0, 3))):  # published again
        place = draw(st.integers(0, len(corrections)))
        corrections[place:place] = corrections[max(0, place - 3) : place]
    return Case(log, corrections, list(row_of.values()), duplicates, len(put_aside))


def run(state: PartitionState, case: Case, data: st.DataObject, steps: int = 10_000) -> list[Snapshot]:
    """Fold and correct in any interleaving that the positions allow, up to so many steps, with snapshots."""
    snapshots = list[Snapshot]()
    for _ in range(steps):
        left = [sent.record for sent in case.log if sent.record.offset > state.position]
        waiting = list(enumerate(case.corrections))[state.corrections.next :]
        ready = bool(waiting) and not state.must_wait(waiting[0][1])
        if not left and not ready:
            break
        if ready and (not left or data.draw(st.booleans())):
            state.correct(*waiting[0])
        else:
            snapshots += fold(state, left[: data.draw(st.integers(1, 5))])
        if data.draw(st.integers(0, 3)) == 0 and (snapshot := state.snapshot()):
            snapshots.append(snapshot)
    return snapshots


def assert_counts_equal_the_rows(state: PartitionState, case: Case) -> None:
    """Windows that the state does not hold any more may lack what was corrected since."""
    held_from = case.log[-1].record.timestamp // 10_000 * 10_000 - 110 * MINUTE
    if all(hour_of(sent.moment) >= held_from for sent in case.rows):
        assert state.outcomes["late"] == sum(sent.is_late for sent in case.rows)
    assert state.outcomes["counted"] + state.outcomes["late"] == len(case.rows)
    assert {name: state.outcomes[name] for name in ("duplicate", "rejected", "uncertain")} == {
        "duplicate": case.duplicates,
        "rejected": case.rejected,
        "uncertain": 0,
    }
    assert state.corrections.waiting_since == 0
    assert state.totals == Counter(sent.event_type for sent in case.rows)
    state.mark_all_dirty()
    windows = emitted(state)
    in_time = [sent for sent in case.rows if not sent.is_late and hour_of(sent.moment) >= held_from]
    for length in (MINUTE, HOUR):
        assert shown(windows, "events", length, held_from) == Counter(
            (sent.moment - sent.moment % length, sent.event_type) for sent in in_time
        )
        assert shown(windows, "pages", length, held_from) == Counter(
            (sent.moment - sent.moment % length, sent.page) for sent in in_time if sent.event_type == "page_view"
        )


def shown(
    windows: dict[tuple[str, int], dict[int, dict[str, int] | None]], name: str, length: int, held_from: int
) -> dict[tuple[int, str], int]:
    found = {
        (start, name): count
        for start, counts in windows.get((name, length), {}).items()
        for name, count in (counts or {}).items()
        if hour_of(start) >= held_from
    }
    assert all(count > 0 for count in found.values())
    return found


def hour_of(moment: int) -> int:
    return moment - moment % HOUR


@given(cases(), st.data())
def test_live_counts_equal_the_rows_in_any_interleaving(case: Case, data: st.DataObject) -> None:
    state = new_state()
    for snapshot in run(state, case, data):
        counted = {partial.dimension: partial.counts or {} for partial in snapshot.partials if not partial.start}
        if "outcome" in counted:
            outcome = counted["outcome"]
            assert sum(outcome.values()) == snapshot.position + 1
            assert sum(counted["total"].values()) == outcome["counted"] + outcome["late"]
            assert min(outcome.values()) >= 0
    assert_counts_equal_the_rows(state, case)


@given(cases(), st.data())
def test_after_a_crash_at_any_line_every_correction_is_applied_once(case: Case, data: st.DataObject) -> None:
    """Several owners after one another, each ended in the middle of a checkpoint, or after one."""
    written, number = list[tuple[bytes, bytes]](), 0
    for _owner in range(data.draw(st.integers(1, 4))):
        state = recovered(written)
        for snapshot in run(state, case, data, steps=data.draw(st.integers(1, 30))):
            written += [(changelog_key(3, key), fenced(snapshot.fence, value)) for key, value in snapshot.values]
        number = len(written)
        if last := state.snapshot():
            written += [(changelog_key(3, key), fenced(last.fence, value)) for key, value in last.values]
        del written[data.draw(st.integers(number, len(written))) :]
    state = recovered(written)
    run(state, case, data)
    assert_counts_equal_the_rows(state, case)
    again = new_state()
    again.restore(dict(everything(state).values))
    assert_counts_equal_the_rows(again, case)


def recovered(written: list[tuple[bytes, bytes]]) -> PartitionState:
    """As an owner begins."""
    recovery, state = Recovery(), new_state()
    # As compaction leaves it, but for what is new: the last checkpoint and its torn successor.
    for offset, (key, value) in enumerate(written):
        recovery.read(offset, key, value)
    if (values := recovery.values()) is not None:
        state.restore(values)
    state.begin_term(recovery.next_term)
    return state


def old(offset: int, event_type: str = "click", at: int = NOON, **changes: object) -> Record:
    """An event whose id is too old to be known here."""
    fields = event(event_type, at, event_id=event_ids.generate(at - HOUR, bytes([offset] * 10)), **changes)
    return Record(offset, at, ANN, encoded(fields))


def test_an_uncertain_event_counts_in_rates_at_once_and_in_the_rest_once_it_is_a_row() -> None:
    record = old(0, "page_view", event_data={"page": "/a"}, visitor_key=bytes(16))
    state = folded([record])
    assert (state.totals, state.rates.events(ANN), state.corrections.waiting_since) == ({}, 1, NOON)
    assert ("pages", MINUTE) not in emitted(state)
    assert state.correct(4, correction(7, record, is_row=True)) is Applied.APPLIED
    assert (state.totals, state.rates.events(ANN), state.corrections.waiting_since) == ({"page_view": 1}, 1, 0)
    windows = emitted(state)
    assert windows["pages", MINUTE] == {NOON: {"/a": 1}}
    assert windows["active_visitors", MINUTE] == {NOON: {"estimate": 1}}
    assert (state.corrections.next, state.corrections.number) == (5, 7)


def test_a_correction_without_a_new_event_is_written_and_a_second_copy_changes_nothing() -> None:
    record = old(0)
    state = folded([record])
    state.snapshot()
    assert state.snapshot() is None
    state.correct(0, correction(1, record, is_row=False, reason="duplicate"))
    snapshot = state.snapshot()
    assert snapshot is not None
    assert snapshot.position == 0
    restored = new_state()
    restored.restore(dict(snapshot.values))
    for each in (state, restored):
        assert each.correct(1, correction(1, record, is_row=True)) is Applied.KNOWN
        assert each.outcomes == {"counted": 0, "late": 0, "duplicate": 1, "rejected": 0, "uncertain": 0}


def test_a_correction_waits_for_its_record_and_those_of_records_before_the_state_are_passed_over() -> None:
    state = new_state()
    state.pass_over(10, -1)
    state.apply([old(10)])
    assert state.must_wait(correction(1, old(11), is_row=True))
    for number, offset in enumerate((9, 3)):
        before = correction(number, old(offset), is_row=True)
        assert not state.must_wait(before)
        assert state.correct(number, before) is Applied.IMPOSSIBLE
    assert state.outcomes["uncertain"] == 1


def test_a_correction_of_what_was_never_counted_takes_nothing_from_others() -> None:
    counted = Record(0, NOON, ANN, encoded(event("click")))
    state = folded([counted, Record(1, NOON, ANN, b"rubbish")])
    other_type = replace(counted, value=encoded(event("scroll")))
    rubbish = replace(counted, offset=1, value=b"rubbish")
    for number, record in enumerate((other_type, rubbish, old(0))):
        assert state.correct(number, correction(number, record, is_row=False, reason="duplicate")) is (
            Applied.IMPOSSIBLE
        )
    assert state.outcomes == {"counted": 1, "late": 0, "duplicate": 0, "rejected": 1, "uncertain": 0}
    assert state.totals == {"click": 1}


def test_windows_that_are_no_longer_held_stay_as_they_were_and_totals_do_not() -> None:
    record = Record(0, NOON, ANN, encoded(event("click")))
    later = NOON + 111 * MINUTE
    state = folded([record, Record(1, later, None, encoded(event("click", later)))])
    emitted(state)
    state.correct(0, correction(0, record, is_row=False, reason="duplicate"))
    assert state.totals == {"click": 1}
    assert NOON not in emitted(state).get(("events", MINUTE), {})


@pytest.mark.parametrize("reason", ["event_id_conflict", "erased"])
def test_a_row_that_is_none_after_all_is_rejected_with_its_reason(reason: str) -> None:
    record = Record(0, NOON, ANN, encoded(event("click")))
    state = folded([record])
    state.correct(0, correction(0, record, is_row=False, reason=reason))
    windows = emitted(state)
    assert windows["rejected", MINUTE] == {NOON: {reason: 1}}
    assert windows["events", MINUTE] == {NOON: {}}
    assert (state.totals, state.outcomes["rejected"]) == ({}, 1)


def test_a_repeat_that_lands_later_was_counted_as_a_duplicate() -> None:
    """It had the id of another sender, who was erased; then it was replayed."""
    first = Record(0, NOON, ANN, encoded(event("click")))
    repeat = replace(first, offset=1, key=BOB)
    state = folded([first, repeat])
    assert state.correct(0, correction(0, repeat, is_row=True, again=True)) is Applied.APPLIED
    assert state.outcomes == {"counted": 2, "late": 0, "duplicate": 0, "rejected": 0, "uncertain": 0}
    assert state.totals == {"click": 2}


def test_a_state_that_goes_on_in_another_log_knows_the_corrections_of_both() -> None:
    state, record = new_state(), old(5)
    state.topic_id = "before"
    state.apply([old(offset) for offset in range(6)])
    state.go_on_from(0, "now")
    state.apply([old(0, "scroll")])
    for number, (topic_id, applied) in enumerate(
        [("before", Applied.APPLIED), ("now", None), ("another", None), ("before", Applied.APPLIED)]
    ):
        found = replace(correction(number, record, is_row=True), topic_id=topic_id)
        assert state.must_wait(found) is (applied is None)
        if applied:
            assert state.correct(number, found) is applied
    newest = replace(correction(9, old(0, "scroll"), is_row=True), topic_id="now")
    assert state.correct(9, newest) is Applied.APPLIED
    assert state.outcomes == {"counted": 3, "late": 0, "duplicate": 0, "rejected": 0, "uncertain": 4}
