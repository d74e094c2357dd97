"""The state of a partition is a function of its log, however that is cut and wherever a crash comes."""

from collections.abc import Sequence
from random import Random

from datasketches import hll_sketch, tgt_hll_type
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids
from avro_schemas.live_aggregates import ACTIVE_SESSIONS, ACTIVE_USERS, LG_REGISTERS
from stream_app.engine.changelog import Recovery, changelog_key, fenced
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import CONTROL, PartitionState, Snapshot
from stream_app.state.windows import Counts
from tests.support.events import NOON, Record, encoded, event, fresh_id, user_key

MINUTE = 60_000
LIMIT = 5
IDS = [event_ids.generate(NOON, bytes([0, n] * 5)) for n in range(30)]
ANN, BOB = (user_key(name).hex().encode() for name in ("ann", "bob"))
# As record keys; the last two are somebody else's, and none.
USERS = [ANN, BOB, b"\xff" * 32, None]


def new_state() -> PartitionState:
    return PartitionState(LIVE_AGGREGATES, limit=LIMIT, min_total_events=1, grace_ms=10 * MINUTE)


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """A partition's log: repeats, late events, other types and rubbish among the events."""
    now, records = NOON, []
    for offset in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from([0, 100, 4_000, 11_000, 65_000, 400_000]))
        occurred = now - draw(st.sampled_from([0, 30_000, 5 * MINUTE, 20 * MINUTE]))
        fields = event(draw(st.sampled_from(["click", "scroll", "page_view"])), now, occurred_at=occurred)
        fields["event_id"] = draw(st.sampled_from(IDS))
        value = encoded(fields) if draw(st.integers(0, 9)) else b"rubbish"
        records.append(Record(offset, now, draw(st.sampled_from(USERS)), value))
    return records


def everything(state: PartitionState) -> Snapshot:
    """All that a state holds and emits."""
    state.mark_all_dirty()
    snapshot = state.snapshot()
    assert snapshot is not None
    return Snapshot(
        snapshot.position,
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
    state.apply(records)
    return state


@given(logs(), st.lists(st.integers(0, 40)))
def test_any_split_into_batches_and_any_overlap_gives_the_same_state(log: list[Record], cuts: list[int]) -> None:
    state, start = new_state(), 0
    for cut in sorted(cut for cut in cuts if cut <= len(log)):
        state.apply(log[max(0, start - 3) : cut])
        start = max(start, cut)
    state.apply(log[max(0, start - 3) :])
    assert everything(state) == everything(folded(log))


@given(st.lists(logs(), min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_any_interleaving_of_partitions_gives_the_same_states(
    partitions: list[list[Record]], chance: Random
) -> None:
    states, left = [new_state() for _ in partitions], [list(log) for log in partitions]
    while any(left):
        number = chance.choice([number for number, log in enumerate(left) if log])
        size = chance.randint(1, len(left[number]))
        states[number].apply(left[number][:size])
        del left[number][:size]
    assert list(map(everything, states)) == [everything(folded(log)) for log in partitions]


@given(logs(), st.data())
def test_a_crash_anywhere_and_a_recovery_give_the_same_state(log: list[Record], data: st.DataObject) -> None:
    """Checkpoints after some batches, the last one torn at any point; then recovery and the rest."""
    written: list[tuple[bytes, bytes]] = []
    state, start = new_state(), 0
    cuts = sorted(data.draw(st.lists(st.integers(1, len(log)), min_size=1, max_size=5)))
    for cut in cuts:
        state.apply(log[start:cut])
        start = max(start, cut)
        if snapshot := state.snapshot():
            written += [(changelog_key(3, k), fenced(snapshot.position, v)) for k, v in snapshot.values]
    torn = written[: data.draw(st.integers(0, len(written)))]

    recovery = Recovery()
    for offset, (key, value) in enumerate(torn):
        recovery.read(offset, key, value)
    recovered = new_state()
    if (values := recovery.values()) is not None:
        recovered.restore(values)
    recovered.apply(log)
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
    rubbish = sum(record.value == b"rubbish" for record in log)
    assert state.outcomes["rejected"] == rubbish


def test_the_first_of_a_repeated_id_counts_until_the_dedup_window_has_passed() -> None:
    fields = event("click")
    times = [NOON, NOON + 1, NOON + 9 * MINUTE, NOON + 21 * MINUTE]
    state = folded([Record(i, at, None, encoded(fields | {"occurred_at": at})) for i, at in enumerate(times)])
    assert state.outcomes == {"counted": 2, "late": 0, "duplicate": 2, "rejected": 0}


def test_an_event_is_late_once_its_window_and_the_grace_are_over() -> None:
    fields = event("page_view", occurred_at=NOON)
    in_time, late = NOON + 10 * MINUTE + 59_999, NOON + 11 * MINUTE
    state = folded([Record(0, in_time, None, encoded(fields))])
    assert state.outcomes["late"] == 0
    state.apply([Record(1, late, None, encoded(fields | {"event_id": fresh_id()}))])
    assert state.outcomes == {"counted": 1, "late": 1, "duplicate": 0, "rejected": 0}
    assert emitted(state)["late", MINUTE] == {NOON + 11 * MINUTE: {"page_view": 1}}


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
