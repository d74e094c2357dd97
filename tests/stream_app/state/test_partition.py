"""The state of a partition is a function of its log, however that is cut and wherever a crash comes."""

import gc
import weakref
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids
from service_kit.kafka.unreadable import UnreadableRecord
from stream_app.engine.changelog import Recovery, changelog_key, fenced
from stream_app.state.dimensions import Dimension, Dimensions
from stream_app.state.partition import PartitionState
from stream_app.state.snapshot import CONTROL, Snapshot
from tests.support.events import NOON, Record, encoded, event
from tests.support.partition_states import ANN, BOB, HOUR, LIMIT, MINUTE, everything, fold, folded, new_state

IDS = [event_ids.generate(NOON, bytes([0, n] * 5)) for n in range(30)]
# As record keys; the last two are somebody else's, and none.
USERS = [ANN, BOB, b"\xff" * 32, None]


pauses = st.sampled_from([0, 100, 4_000, 11_000, 65_000, 400_000, 9 * HOUR])
# How far an append time is from the truth.
lies = st.sampled_from([0] * 20 + [40 * MINUTE, 10 * HOUR, -20 * MINUTE, -9 * HOUR, 2**62])


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """A partition's log: repeats, late and held events, other types, rubbish, absences and clocks that are wrong."""
    now, records = NOON, []
    for offset in range(draw(st.integers(1, 40))):
        now += draw(pauses)
        received = now - draw(st.sampled_from([0, 0, 30_000, 12 * MINUTE, 3 * HOUR]))
        occurred = received - draw(st.sampled_from([0, 30_000, 5 * MINUTE, 20 * MINUTE]))
        fields = event(draw(st.sampled_from(["click", "scroll", "page_view"])), received, occurred_at=occurred)
        fields["event_id"] = draw(st.sampled_from(IDS))
        value = encoded(fields) if draw(st.integers(0, 9)) else b"rubbish"
        records.append(Record(offset, now + draw(lies), draw(st.sampled_from(USERS)), value))
    return records


@given(logs(), st.lists(st.integers(0, 40)))
def test_any_split_into_batches_and_any_overlap_gives_the_same_state(log: list[Record], cuts: list[int]) -> None:
    state, start = new_state(), 0
    for cut in sorted(cut for cut in cuts if cut <= len(log)):
        fold(state, log[max(0, start - 3) : cut])
        start = max(start, cut)
    fold(state, log[max(0, start - 3) :])
    assert everything(state) == everything(folded(log))


@given(st.lists(logs(), min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_any_interleaving_of_partitions_gives_the_same_states(
    partitions: list[list[Record]], chance: Random
) -> None:
    states, left = [new_state() for _ in partitions], [list(log) for log in partitions]
    while any(left):
        number = chance.choice([number for number, log in enumerate(left) if log])
        size = chance.randint(1, len(left[number]))
        fold(states[number], left[number][:size])
        del left[number][:size]
    assert list(map(everything, states)) == [everything(folded(log)) for log in partitions]


@given(logs(), st.data())
def test_a_crash_anywhere_and_a_recovery_give_the_same_state(log: list[Record], data: st.DataObject) -> None:
    """Checkpoints after some batches, the last one torn at any point; then recovery and the rest."""
    written: list[tuple[bytes, bytes]] = []
    state, start = new_state(), 0
    cuts = sorted(data.draw(st.lists(st.integers(1, len(log)), min_size=1, max_size=5)))
    for cut in cuts:
        snapshots = fold(state, log[start:cut])
        start = max(start, cut)
        for snapshot in filter(None, [*snapshots, state.snapshot()]):
            written += [(changelog_key(3, k), fenced(snapshot.fence, v)) for k, v in snapshot.values]
    torn = written[: data.draw(st.integers(0, len(written)))]

    recovery = Recovery()
    for offset, (key, value) in enumerate(torn):
        recovery.read(offset, key, value)
    recovered = new_state()
    if (values := recovery.values()) is not None:
        recovered.restore(values)
    fold(recovered, log)
    assert everything(recovered) == everything(folded(log))


@given(logs())
def test_a_former_owner_that_writes_old_values_behind_the_new_one_changes_nothing(log: list[Record]) -> None:
    early, whole = everything(folded(log[: len(log) // 2 + 1])), everything(folded(log))
    recovery = Recovery()
    for written in (whole, early):
        for key, value in control_last(written):
            recovery.read(recovery.next_offset, changelog_key(3, key), fenced(written.fence, value))
    recovered = new_state()
    values = recovery.values()
    assert values is not None
    recovered.restore(values)
    assert everything(recovered) == whole


def control_last(snapshot: Snapshot) -> list[tuple[str, bytes]]:
    return sorted(snapshot.values, key=lambda pair: pair[0] == CONTROL)


@given(logs())
def test_every_record_has_one_outcome_and_totals_count_each_id_once(log: list[Record]) -> None:
    state = folded(log)
    assert sum(state.outcomes.values()) == len(log)
    assert sum(state.totals.values()) == state.outcomes["counted"] + state.outcomes["late"]
    # An id is never so much older than its append.
    rubbish = sum(record.value == b"rubbish" or record.timestamp > 2**61 for record in log)
    assert state.outcomes["rejected"] == rubbish


def test_a_fresh_repeat_is_a_duplicate_and_an_older_one_waits_for_the_sinks() -> None:
    fields = event("click")
    times = [NOON, NOON + 1, NOON + 4 * MINUTE, NOON + 4 * MINUTE + 1, NOON + 21 * MINUTE]
    state = folded(
        [
            Record(i, at, None, encoded(fields | {"occurred_at": at, "received_at": at}))
            for i, at in enumerate(times)
        ]
    )
    assert state.outcomes == {"counted": 1, "late": 0, "duplicate": 2, "rejected": 0, "uncertain": 2}


def test_a_new_owner_knows_ids_as_long_as_the_one_before() -> None:
    # Its id is as far ahead as a fresh one may be.
    first = event("click") | {"event_id": event_ids.generate(NOON + MINUTE, bytes(10))}
    late = NOON + 5 * MINUTE
    state, log = (
        new_state(),
        [Record(0, NOON, None, encoded(first)), Record(1, late, None, encoded(event("click", late)))],
    )
    state.apply(log)
    snapshot = state.snapshot()
    assert snapshot is not None
    restored = new_state()
    restored.restore(dict(snapshot.values))
    for each in (state, restored):
        each.apply([Record(2, late, None, encoded(first))])
        assert each.outcomes["duplicate"] == 1


def test_an_unreadable_record_is_rejected_although_its_value_is_an_event() -> None:
    state = new_state()
    state.apply([UnreadableRecord(0, NOON, None, encoded(event("click")), "the name of a header is not UTF-8")])
    assert (state.position, state.outcomes["rejected"], state.totals) == (0, 1, {})
    snapshot = state.snapshot()
    assert snapshot is not None
    assert [each.error.reason for each in snapshot.rejected] == ["record_unreadable"]


def test_large_records_that_wait_for_a_snapshot_count_as_several() -> None:
    state = new_state()
    state.apply([Record(0, NOON, None, b"rubbish")])
    assert state.pending_records == 1
    state.apply([Record(1, NOON, None, b"x" * 1_000_000)])
    assert state.pending_records > 500
    state.snapshot()
    assert state.pending_records == 0


FEW_PAGES = Dimensions(
    (Dimension("pages", "Page views, by page.", ("event_data.page",), "page_view", max_names=3),)
)


@given(
    st.lists(st.tuples(st.sampled_from("aaaabbcdefgh"), st.sampled_from([0, 20_000])), min_size=1, max_size=50),
    st.data(),
)
def test_a_restart_at_any_point_gives_the_same_names_where_there_is_no_room_for_all(
    views: list[tuple[str, int]], data: st.DataObject
) -> None:
    now, log = NOON, list[Record]()
    for offset, (page, pause) in enumerate(views):
        now += pause
        log.append(Record(offset, now, None, encoded(event("page_view", now, event_data={"page": f"/{page}"}))))
    whole, before = (few_pages() for _ in range(2))
    fold(whole, log)
    cut = data.draw(st.integers(0, len(log)))
    fold(before, log[:cut])
    after = few_pages()
    if cut:
        after.restore(dict(everything(before).values))
    for record in log[cut:]:
        fold(after, [record])
        if data.draw(st.booleans()):
            after.snapshot()
    assert everything(after) == everything(whole)


def few_pages() -> PartitionState:
    return PartitionState(FEW_PAGES, limit=LIMIT, min_total_events=1, grace_ms=10 * MINUTE)


class HeldRecord(Record):
    """A record of which a test can see whether it is still in memory."""


def test_rejected_records_are_freed_with_their_snapshot_and_do_not_wait_for_the_garbage_collector() -> None:
    state = new_state()
    records = [HeldRecord(offset, NOON, None, b"rubbish") for offset in range(3)]
    seen = weakref.ref(records[0])
    gc.disable()
    try:
        fold(state, records)
        assert state.snapshot() is not None
        del records
        assert seen() is None
    finally:
        gc.enable()
