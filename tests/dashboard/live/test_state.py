"""The live state: sums of the newest partials, in whatever order they come, bounded whatever clients send."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.key_sketch import KeySketch
from avro_schemas.live_aggregates import MINUTE_MS
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from dashboard.health.pipeline import PipelineHealth
from dashboard.live.rejected_events import RejectedEvents
from dashboard.live.service import LiveService
from dashboard.live.snapshot import snapshot
from dashboard.live.state import LiveState
from dashboard.live.windows import MAX_NAMES, WindowedCounts, bounded
from service_kit.kafka.settings import KafkaSettings
from tests.dashboard.partials import MINUTE, partial, state_of
from tests.support.events import NOON, Record, now_ms

# Of a partition and window a higher offset never has a lower count.
partials = st.lists(
    st.builds(
        lambda dimension, minute, p, o: partial(dimension, minute, p, o, counts={"click": o + 1, str(o % 3): 1}),
        st.sampled_from(["pages", "events"]),
        st.sampled_from([MINUTE, MINUTE - 5 * MINUTE_MS]),
        st.integers(0, 3),
        st.integers(0, 50),
    ),
    min_size=1,
)


@given(partials, st.randoms())
def test_neither_order_nor_repetition_of_partials_matters(partials: list[dict[str, Any]], chance: Any) -> None:
    shuffled = partials * 2
    chance.shuffle(shuffled)
    state = state_of(*shuffled)
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for each in sorted(partials, key=lambda each: each["source_offset"]):
        newest[each["dimension"], each["window_start"], each["partition"]] = each["counts"]
    for dimension in ("pages", "events"):
        expected: dict[str, int] = {}
        for (name, _start, _partition), counts in newest.items():
            for key, count in counts.items() if name == dimension else ():
                expected[key] = expected.get(key, 0) + count
        assert state.last_hour()[dimension].total == expected
    assert shown(state) == shown(state_of(*partials)), "replicas read partitions in any order"


def shown(state: LiveState) -> dict[str, Any]:
    return snapshot(state, RejectedEvents(), PipelineHealth(has_postgres=True), NOON, connected=True)


def test_minutes_are_summed_over_partitions_and_expired_ones_are_dropped() -> None:
    state = state_of(
        partial("events", MINUTE, 0, counts={"click": 2}),
        partial("events", MINUTE, 1, counts={"click": 1, "scroll": 4}),
        partial("events", MINUTE - 59 * MINUTE_MS, 1, counts={"click": 10}),
    )
    assert state.last_hour()["events"].window(MINUTE) == {"click": 3, "scroll": 4}
    assert state.last_hour()["events"].total == {"click": 13, "scroll": 4}
    state.advance(NOON + MINUTE_MS)
    assert state.last_hour()["events"].total == {"click": 3, "scroll": 4}
    state.merge(partial("events", MINUTE - 59 * MINUTE_MS, 2, counts={"click": 99}))
    assert state.last_hour()["events"].total == {"click": 3, "scroll": 4}


def test_a_name_has_a_first_and_a_last_minute() -> None:
    state = state_of(
        partial("page_errors", MINUTE - 7 * MINUTE_MS, counts={"x": 1}),
        partial("page_errors", MINUTE - 2 * MINUTE_MS, partition=3, counts={"x": 1, "y": 1}),
    )
    errors = state.last_hour()["page_errors"]
    assert errors.first_and_last("x") == (MINUTE - 7 * MINUTE_MS, MINUTE - 2 * MINUTE_MS)
    assert errors.first_and_last("z") == (0, 0)


merges = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 2),
        st.integers(0, 5),
        st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0, 1, 70_000, 1 << 40]), max_size=4),
    ),
    max_size=30,
)


@given(merges, st.integers(0, 3))
def test_windows_are_those_of_plain_mappings_also_where_names_come_and_go(
    merged: list[tuple[int, int, int, dict[str, int]]], oldest: int
) -> None:
    windows, plain = WindowedCounts(), dict[tuple[int, int], tuple[int, dict[str, int]]]()
    for start, partition, offset, counts in merged:
        windows.merge(start, partition, offset, counts)
        if offset >= plain.get((start, partition), (0, {}))[0]:
            plain[start, partition] = offset, counts
    windows.drop_before(oldest)
    windows.merge(4, 0, 1, {"new": 1})
    plain = {key: each for key, each in plain.items() if key[0] >= oldest} | {(4, 0): (1, {"new": 1})}
    for start in range(5):
        of_window = [counts for (at, _partition), (_offset, counts) in plain.items() if at == start]
        assert windows.window(start) == dict(sum(map(Counter, of_window), Counter()))
    assert windows.total == dict(sum((Counter(counts) for _offset, counts in plain.values()), Counter()))
    for name in windows.total:
        starts = [start for (start, _partition), (_offset, counts) in plain.items() if counts.get(name)]
        assert windows.first_and_last(name) == (min(starts), max(starts))


def test_made_up_names_do_not_fill_the_memory_and_the_sum_stays_right() -> None:
    counts = {f"/{number}": 1 for number in range(500)} | {"/often": 9, "*": 3}
    top = bounded(counts, MAX_NAMES)
    assert len(top) == MAX_NAMES
    assert top["/often"] == 9
    assert sum(top.values()) == 512
    windows = WindowedCounts()
    windows.merge(MINUTE, 0, 1, counts)
    windows.merge(MINUTE, 0, 2, {"/often": 10})
    assert windows.total == {"/often": 10}


def sketch_of(*keys: str) -> bytes:
    sketch = KeySketch()
    sketch.add(key.encode() for key in keys)
    return sketch.to_bytes()


def test_people_are_users_and_the_visitors_that_were_not_signed_in_in_that_time() -> None:
    state = state_of(
        partial("active_users", MINUTE, 0, sketch=sketch_of("ann", "bob")),
        partial("active_users", MINUTE - 4 * MINUTE_MS, 1, sketch=sketch_of("ann")),
        partial("active_visitors", MINUTE - 3 * MINUTE_MS, 2, sketch=sketch_of("laptop", "phone", "guest")),
        partial("signed_in_visitors", MINUTE, 0, sketch=sketch_of("laptop")),
        partial("signed_in_visitors", MINUTE - 5 * MINUTE_MS, 1, sketch=sketch_of("phone")),
        partial("active_users", MINUTE - 5 * MINUTE_MS, 1, sketch=sketch_of("cid")),
    )
    # In five minutes the phone was not signed in; in thirty it was, as one more user.
    assert (state.people(5, NOON), state.people(30, NOON)) == (2 + 2, 3 + 1)
    state.merge(partial("active_users", MINUTE, 0, offset=2, sketch=sketch_of("ann", "bob", "dan")))
    assert state.people(5, NOON) == 3 + 2
    assert LiveState().people(5, NOON) == 0


@pytest.mark.parametrize(("users", "signed_in", "guests"), [(50, 40, 100), (900, 800, 2_500), (3_000, 3_000, 0)])
def test_few_people_are_counted_exactly_and_many_within_some_per_cent(
    users: int, signed_in: int, guests: int
) -> None:
    """With sign-in, every signed-in browser was a guest before."""
    state = state_of(
        *(
            partial(name, MINUTE - number % 5 * MINUTE_MS, number, sketch=sketch_of(*of_partition))
            for name, prefix, count in (
                ("active_users", "user", users),
                ("signed_in_visitors", "browser", signed_in),
                ("active_visitors", "browser", signed_in + guests),
            )
            for number in range(12)
            if (of_partition := [f"{prefix} {n}" for n in range(number, count, 12)])
        )
    )
    people = users + guests
    assert state.people(5, NOON) == (people if people < 190 else pytest.approx(people, rel=0.06))


def test_events_per_second_are_those_of_slots_that_have_ended() -> None:
    state = LiveState()
    for slot, count in ((0, 999), (1, 10), (2, 20), (3, 30), (4, 999)):
        start = NOON - slot * 10_000
        state.merge(partial("events", start, window_seconds=10, counts={"click": count}))
        state.merge(partial("events_of_programs", start, window_seconds=10, counts={"click": 3}))
    assert state.events_per_second(NOON + 3_000) == pytest.approx(2.0)
    assert state.events_per_second(NOON + 3_000, with_programs=True) == pytest.approx(2.3)


def test_a_partial_that_cannot_be_merged_costs_only_itself() -> None:
    live = LiveService(KafkaSettings(kafka_bootstrap="nowhere:9092"), PipelineHealth(has_postgres=False))
    now = now_ms() // MINUTE_MS * MINUTE_MS
    bad = partial("active_users", now, sketch=b"not a sketch")
    records = [bad, partial("pages", now, counts={"/": 2})]
    values = [codec.encode(latest()["live_aggregate"], each) for each in records]
    live._merge(0, [Record(n, now, None, value) for n, value in enumerate(values)])
    assert live.snapshot()["panels"]["pages"] == {"/": [2, 0, 0]}


def test_the_newest_partial_of_a_partition_says_how_far_it_is_counted() -> None:
    counted = [partial("total", 0, partition, offset) for partition, offset in ((0, 7), (1, 3), (0, 5))]
    assert state_of(*counted).counted_offsets == {0: 8, 1: 4}
