"""The state of a partition is a function of its log, however that is cut and wherever a crash comes."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from random import Random

import pytest
from datasketches import hll_sketch, tgt_hll_type
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids
from avro_schemas.live_aggregates import ACTIVE_SESSIONS, ACTIVE_USERS, LG_REGISTERS
from service_kit.kafka.unreadable import UnreadableRecord
from stream_app.engine.changelog import Recovery, changelog_key, fenced
from stream_app.state.clock import CONFIRMATIONS
from stream_app.state.dimensions import LIVE_AGGREGATES, Dimension, Dimensions
from stream_app.state.partition import CONTROL, PartitionState, Snapshot
from stream_app.state.top_names import Counts
from tests.support.events import NOON, Record, encoded, event, user_key

MINUTE, HOUR = 60_000, 3_600_000
LIMIT = 5
IDS = [event_ids.generate(NOON, bytes([0, n] * 5)) for n in range(30)]
ANN, BOB = (user_key(name).hex().encode() for name in ("ann", "bob"))
# As record keys; the last two are somebody else's, and none.
USERS = [ANN, BOB, b"\xff" * 32, None]


def new_state() -> PartitionState:
    return PartitionState(LIVE_AGGREGATES, limit=LIMIT, min_total_events=1, grace_ms=10 * MINUTE)


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


def everything(state: PartitionState) -> Snapshot:
    """All that a state holds and emits."""
    state.mark_all_dirty()
    snapshot = state.snapshot()
    assert snapshot is not None
    return Snapshot(
        snapshot.position,
        snapshot.fence,
        snapshot.watermark,
        sorted(snapshot.values),
        # Expired windows and users below the limit again are emitted once; readers know both by the times in earlier
        # records.
        [partial for partial in snapshot.partials if partial.counts is not None],
        [verdict for verdict in snapshot.verdicts if verdict.blocked_until],
        minute_totals=[],
        rejected=[],
        copies=[],
    )


def emitted(state: PartitionState) -> dict[tuple[str, int], dict[int, Counts | None]]:
    """The windows that a snapshot emits, by dimension and length, by start."""
    snapshot, found = state.snapshot(), dict[tuple[str, int], dict[int, Counts | None]]()
    assert snapshot is not None
    for partial in snapshot.partials:
        found.setdefault((partial.dimension, partial.window_ms), {})[partial.start] = partial.counts
    return found


def folded(records: Sequence[Record]) -> PartitionState:
    state = new_state()
    fold(state, records)
    return state


def fold(state: PartitionState, records: Sequence[Record]) -> list[Snapshot]:
    """Fold all records, with the snapshots that this needs."""
    left, snapshots = state.apply(records), []
    while left:
        snapshot = state.snapshot()
        assert snapshot is not None
        snapshots.append(snapshot)
        left = state.apply(left)
    return snapshots


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
            written += [(changelog_key(3, k), fenced(snapshot.position, v)) for k, v in snapshot.values]
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
            recovery.read(recovery.next_offset, changelog_key(3, key), fenced(written.position, value))
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


def test_the_first_of_a_repeated_id_counts_until_the_dedup_window_has_passed() -> None:
    fields = event("click")
    times = [NOON, NOON + 1, NOON + 9 * MINUTE, NOON + 21 * MINUTE]
    state = folded(
        [
            Record(i, at, None, encoded(fields | {"occurred_at": at, "received_at": at}))
            for i, at in enumerate(times)
        ]
    )
    assert state.outcomes == {"counted": 2, "late": 0, "duplicate": 2, "rejected": 0}


def test_an_event_is_late_once_its_window_and_the_grace_are_over() -> None:
    in_time, late = NOON + 10 * MINUTE + 59_999, NOON + 11 * MINUTE
    state = folded([Record(0, in_time, None, encoded(event("page_view", in_time, occurred_at=NOON)))])
    assert state.outcomes["late"] == 0
    state.apply([Record(1, late, None, encoded(event("page_view", late, occurred_at=NOON)))])
    assert state.outcomes == {"counted": 1, "late": 1, "duplicate": 0, "rejected": 0}
    assert emitted(state)["late", MINUTE] == {NOON + 11 * MINUTE: {"page_view": 1}}


def test_an_event_that_was_held_on_its_way_counts_in_its_minute_as_long_as_we_hold_its_hour() -> None:
    """By the time when the collector received it: a spool and an outage make nothing late."""
    held = event("page_view", NOON + 5 * MINUTE)
    for delay, outcome in ((12, "counted"), (90, "counted"), (140, "late")):
        fresh = Record(0, NOON + (5 + delay) * MINUTE, None, encoded(event("click", NOON + (5 + delay) * MINUTE)))
        state = folded([fresh, Record(1, fresh.timestamp, None, encoded(held))])
        assert state.outcomes[outcome] == 1 + (outcome == "counted")
        assert emitted(state)["events", MINUTE].get(NOON + 5 * MINUTE) == (
            {"page_view": 1} if outcome == "counted" else None
        )


def test_a_burst_of_events_that_were_held_blocks_nobody() -> None:
    """Four minutes of an outage, with four events in each of a user whose limit is five."""
    received = [NOON + minute * MINUTE + 15_000 * place for minute in range(4) for place in range(4)]
    replayed = NOON + 4 * MINUTE
    state = folded([Record(n, replayed, ANN, encoded(event("click", at))) for n, at in enumerate(received)])
    assert state.rates.events(ANN) == 3  # the slots of the last minute
    assert state.rates.blocked_until(ANN) is None
    state.apply([Record(16 + n, replayed, ANN, encoded(event("click", replayed))) for n in range(2)])
    assert state.rates.blocked_until(ANN) == replayed + 15_000 - 15_000 % 10_000 - 10_000 + 10_000


def test_after_a_day_away_every_window_of_a_minute_and_an_hour_was_emitted_as_it_is() -> None:
    times = [NOON + n * 2 * MINUTE + n % 7 * 1_000 for n in range(30 * 30)]
    state, found = new_state(), dict[tuple[int, int], Counts]()
    backlog = [Record(n, at, None, encoded(event("click", at))) for n, at in enumerate(times)]
    snapshots = fold(state, backlog)
    last = state.snapshot()
    assert last is not None
    for snapshot in (*snapshots, last):
        for partial in snapshot.partials:
            if partial.dimension == "events" and partial.counts is not None:
                found[partial.window_ms, partial.start] = partial.counts
    for length in (MINUTE, HOUR):
        expected = Counter(at - at % length for at in times)
        assert {start: n["click"] for (window, start), n in found.items() if window == length} == expected


@given(st.lists(st.tuples(pauses, st.sampled_from(USERS)), min_size=1, max_size=30), st.data())
def test_one_append_time_from_the_future_changes_nothing_for_other_events(
    steps: list[tuple[int, bytes | None]], data: st.DataObject
) -> None:
    times = list(accumulate((pause for pause, _key in steps), initial=NOON))[1:]
    honest = [
        Record(n, at, key, encoded(event("click", at)))
        for n, (at, (_pause, key)) in enumerate(zip(times, steps, strict=True))
    ]
    place = data.draw(st.integers(1, len(honest)))
    lie = honest[place - 1].timestamp + data.draw(st.sampled_from([11 * MINUTE, 40 * MINUTE, 17 * HOUR, 2**62]))
    at = honest[place - 1].timestamp
    liar = encoded(event("form_submit", at, event_data={"form": "a", "page": "/", "success": None}))
    among = [
        *honest[:place],
        Record(-1, lie, None, data.draw(st.sampled_from([liar, b"rubbish"]))),
        *honest[place:],
    ]
    with_liar = [Record(n, each.timestamp, each.key, each.value) for n, each in enumerate(among)]
    states = folded(honest), folded(with_liar)
    assert [state.watermark for state in states] == [honest[-1].timestamp] * 2
    without, counted = (everything(state) for state in states)
    assert counted.verdicts == without.verdicts
    assert clicks(counted) == clicks(without)


def clicks(snapshot: Snapshot) -> dict[tuple[int, int], int]:
    """The events of one type in every window."""
    return {
        (partial.window_ms, partial.start): partial.counts["click"]
        for partial in snapshot.partials
        if partial.dimension == "events" and "click" in (partial.counts or {})
    }


def test_a_clock_that_many_records_moved_comes_back_with_those_that_follow() -> None:
    later = NOON + 17 * HOUR
    ahead = [Record(1 + n, later, ANN, encoded(event("click", later))) for n in range(30)]
    state = folded([Record(0, NOON, ANN, encoded(event("click"))), *ahead])
    assert state.watermark == later
    assert state.rates.blocked_until(ANN)
    after = NOON + 30_000
    honest = [Record(31 + n, after, None, encoded(event("scroll", after))) for n in range(CONFIRMATIONS + 5)]
    fold(state, honest)
    assert (state.watermark, state.rates.blocked_until(ANN)) == (after, None)
    windows = emitted(state)["events", MINUTE]
    assert windows[NOON]["scroll"] == 6
    assert windows[later] is None


def test_an_event_of_a_clock_that_is_ahead_counts_in_the_minute_of_its_append() -> None:
    state = folded([Record(0, NOON, None, encoded(event("click", occurred_at=NOON + 5 * MINUTE)))])
    assert emitted(state)["events", MINUTE] == {NOON: {"click": 1}}


def test_a_new_owner_knows_ids_as_long_as_the_one_before() -> None:
    first, late = event("click"), NOON + 10 * MINUTE + 9_999
    state, log = (
        new_state(),
        [Record(0, NOON, None, encoded(first)), Record(1, late, None, encoded(event("click")))],
    )
    state.apply(log)
    snapshot = state.snapshot()
    assert snapshot is not None
    restored = new_state()
    restored.restore(dict(snapshot.values))
    for each in (state, restored):
        each.apply([Record(2, late, None, encoded(first))])
        assert each.outcomes["duplicate"] == 1


def test_users_are_counted_by_the_keys_of_their_records() -> None:
    """Once each; and subscribers find in the sketches what docs/live-aggregates.md says."""
    keys = [ANN, ANN, BOB, ANN, b"elsewhere", None]
    state = folded([Record(n, NOON, key, encoded(event("click"))) for n, key in enumerate(keys)])
    assert (state.rates.events(ANN), state.rates.events(BOB), state.rates.events(b"elsewhere")) == (3, 1, 0)
    assert sketch_of(state, ACTIVE_USERS) == sketch(ANN, BOB, b"elsewhere")


def test_anonymous_visitors_have_a_session_each() -> None:
    ann, bob, session = user_key("ann"), user_key("bob"), user_key("session")
    fields = [
        {"visitor_key": ann},
        {"visitor_key": ann},
        {"visitor_key": bob, "session_key": session},
        {"session_key": session},
        {},
    ]
    state = folded([Record(n, NOON, None, encoded(event("click", **each))) for n, each in enumerate(fields)])
    assert sketch_of(state, ACTIVE_SESSIONS) == sketch(ANN, session.hex().encode())


def test_views_are_counted_by_where_they_came_from() -> None:
    shop = {"source": "shop.example", "channel": "referral", "utm_campaign": "spring"}
    arrivals = [
        shop,
        shop,
        {"channel": "direct"},
        {"channel": "mail"},
        {},
        {"country": "DE"},
        {"site": "b", "release": "7"},
    ]
    log = [Record(n, NOON, None, encoded(event("page_view", **each))) for n, each in enumerate(arrivals)]
    clicks = encoded(event("click", country="DE", site="b", **shop))
    state = folded([*log, Record(len(log), NOON, None, clicks)])
    counted = {name: windows[NOON] for (name, length), windows in emitted(state).items() if length == MINUTE}
    assert {
        name: counted[name] for name in ("sources", "channels", "campaigns", "countries", "sites", "releases")
    } == {
        "sources": {"shop.example": 2, "(direct)": 1},
        "channels": {"referral": 2, "direct": 1, "mail": 1},
        "campaigns": {"spring": 2},
        "countries": {"DE": 1},
        "sites": {"default": 6, "b": 2},
        "releases": {"7": 1},
    }


def sketch_of(state: PartitionState, dimension: str) -> bytes | None:
    snapshot = state.snapshot()
    assert snapshot is not None
    (found,) = (partial for partial in snapshot.partials if partial.dimension == dimension)
    return found.sketch


def sketch(*keys: bytes) -> bytes:
    made = hll_sketch(LG_REGISTERS, tgt_hll_type.HLL_4)
    for key in keys:
        made.update(key.decode())
    return bytes(made.serialize_compact())


@pytest.mark.parametrize("timestamp", [-(2**62), -1, 2**62, 2**63 - 1])
def test_a_time_that_nobody_can_represent_rejects_its_record_and_does_not_move_the_clock(timestamp: int) -> None:
    state = new_state()
    state.apply(
        [Record(0, NOON, None, encoded(event("click"))), Record(1, timestamp, None, encoded(event("click")))]
    )
    state.apply([Record(2, NOON + 1, None, encoded(event("click")))])
    assert state.watermark == NOON + 1
    assert (state.outcomes["counted"], state.outcomes["rejected"], state.outcomes["late"]) == (2, 1, 0)


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
