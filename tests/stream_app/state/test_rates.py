"""The sliding minute of a user, compared with a plain count."""

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import SLOT_MS
from stream_app.state.rates import SLOTS, UserRates
from tests.support.events import NOON, user_key

MINUTE = 60_000
ANN, BOB = (user_key(name).hex().encode() for name in ("ann", "bob"))
pauses = st.sampled_from([0, 900, 7_000, 10_000, 45_000, 61_000])
steps = st.lists(st.tuples(pauses, st.sampled_from([ANN, BOB])))
# Records that are nobody's move the time, and no rate: repeats, rubbish, events without a key. And a crash behind each.
steps_and_crashes = st.lists(st.tuples(pauses, st.sampled_from([ANN, None]), st.booleans()), max_size=12)


@given(steps)
def test_a_rate_is_the_sum_of_the_last_six_slots(steps: list[tuple[int, bytes]]) -> None:
    rates, now, seen = UserRates(limit=3, min_total_events=2), NOON, []
    for pause, key in steps:
        now += pause
        rates.advance(now)
        rates.count([key])
        seen.append((now // SLOT_MS, key))
        for user in (ANN, BOB):
            inside = [k for slot, k in seen if slot > now // SLOT_MS - SLOTS and k == user]
            assert rates.events(user) == len(inside)


def test_a_user_who_reaches_the_limit_is_blocked_until_enough_slots_have_passed() -> None:
    rates = UserRates(limit=3, min_total_events=2)
    for at in (NOON, NOON + 20_000, NOON + 25_000):
        rates.advance(at)
        rates.count([ANN])
    (verdict,) = rates.verdicts()
    assert (verdict.user_key, verdict.events) == (ANN, 3)
    # The first event leaves the window with its slot, a minute after the slot began.
    assert verdict.blocked_until == NOON + 60_000


def test_a_verdict_is_emitted_once_and_again_when_it_changes() -> None:
    rates = UserRates(limit=2, min_total_events=2)
    rates.advance(NOON)
    for _ in range(3):
        rates.count([ANN])
    assert len(list(rates.verdicts())) == 1
    assert list(rates.verdicts()) == []
    rates.advance(NOON + 60_000)
    (verdict,) = rates.verdicts()
    assert (verdict.events, verdict.blocked_until) == (0, None)


def test_after_a_recovery_the_verdicts_of_all_users_over_the_limit_are_emitted_again() -> None:
    rates, again = UserRates(limit=2, min_total_events=2), UserRates(limit=2, min_total_events=2)
    rates.advance(NOON)
    for _ in range(2):
        rates.count([ANN])
    again.restore([payload for _key, payload in rates.changes()], NOON)
    again.mark_all_dirty()
    assert list(again.verdicts()) == list(rates.verdicts())


@given(steps_and_crashes)
@example([(45_000, ANN, False), (0, ANN, False), (10_000, None, False), (7_000, None, True)])
def test_the_total_of_a_minute_is_emitted_once_when_it_is_over(
    steps: list[tuple[int, bytes | None, bool]],
) -> None:
    """Also by new owners that take over behind any record."""
    rates, now = UserRates(limit=100, min_total_events=2), NOON
    changelog, emitted, seen = dict[str, bytes](), list[tuple[int, bytes, int]](), Counter[tuple[int, bytes]]()
    for pause, key, crashes in steps:
        now += pause
        rates.advance(now)
        rates.count([key])
        if key:
            seen[now // MINUTE, key] += 1
        emitted += [
            (total.ended_at // MINUTE - 1, total.user_key, total.events) for total in rates.minute_totals()
        ]
        changelog.update(rates.changes())
        if crashes:
            rates = UserRates(limit=100, min_total_events=2)
            rates.restore(list(changelog.values()), now)
            assert list(rates.minute_totals()) == []
    over = [
        (minute, key, events) for (minute, key), events in seen.items() if minute < now // MINUTE and events > 1
    ]
    assert sorted(emitted) == sorted(over)
