"""Times of events and of their append: late ones, held ones, and clocks that are wrong."""

from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.state.clock import CONFIRMATIONS
from stream_app.state.snapshot import Snapshot
from stream_app.state.top_names import Counts
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

# As record keys; the last two are somebody else's, and none.
USERS = [ANN, BOB, b"\xff" * 32, None]
pauses = st.sampled_from([0, 100, 4_000, 11_000, 65_000, 400_000, 9 * HOUR])


def test_an_event_is_late_once_its_window_and_the_grace_are_over() -> None:
    in_time, late = NOON + 10 * MINUTE + 59_999, NOON + 11 * MINUTE
    state = folded([Record(0, in_time, None, encoded(event("page_view", in_time, occurred_at=NOON)))])
    assert state.outcomes["late"] == 0
    state.apply([Record(1, late, None, encoded(event("page_view", late, occurred_at=NOON)))])
    assert state.outcomes == {"counted": 1, "late": 1, "duplicate": 0, "rejected": 0, "uncertain": 0}
    assert emitted(state)["late", MINUTE] == {NOON + 11 * MINUTE: {"page_view": 1}}


def test_an_event_that_was_held_on_its_way_counts_in_its_minute_as_long_as_we_hold_its_hour() -> None:
    """By the time when the collector received it: a spool and an outage make nothing late."""
    for delay, outcome in ((3, "counted"), (12, "counted"), (90, "counted"), (140, "late")):
        appended = NOON + (5 + delay) * MINUTE
        held = Record(1, appended, None, encoded(event("page_view", NOON + 5 * MINUTE)))
        state = folded([Record(0, appended, None, encoded(event("click", appended))), held])
        if delay > 3:
            assert state.outcomes["uncertain"] == 1
            state.correct(0, correction(1, held, is_row=True))
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


@pytest.mark.parametrize("timestamp", [-(2**62), -1, 2**62, 2**63 - 1])
def test_a_time_that_nobody_can_represent_rejects_its_record_and_does_not_move_the_clock(timestamp: int) -> None:
    state = new_state()
    state.apply(
        [Record(0, NOON, None, encoded(event("click"))), Record(1, timestamp, None, encoded(event("click")))]
    )
    state.apply([Record(2, NOON + 1, None, encoded(event("click")))])
    assert state.watermark == NOON + 1
    assert (state.outcomes["counted"], state.outcomes["rejected"], state.outcomes["late"]) == (2, 1, 0)
