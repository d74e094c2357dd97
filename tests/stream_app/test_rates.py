"""The sliding minute of a user, against a count made the plain way."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.rates import SLOT_MS, SLOTS, Rates
from tests.events import NOON, user_key

ANN, BOB = user_key("ann"), user_key("bob")
steps = st.lists(st.tuples(st.sampled_from([0, 900, 7_000, 10_000, 45_000, 61_000]), st.sampled_from([ANN, BOB])))


@given(steps)
def test_a_rate_is_the_sum_of_the_last_six_slots(steps: list[tuple[int, bytes]]) -> None:
    rates, now, seen = Rates(limit=3), NOON, []
    for pause, key in steps:
        now += pause
        rates.roll(now)
        rates.count([key])
        seen.append((now // SLOT_MS, key))
        for user in (ANN, BOB):
            inside = [k for slot, k in seen if slot > now // SLOT_MS - SLOTS and k == user]
            assert rates.events(user) == len(inside)


def test_a_user_who_reaches_the_limit_is_blocked_until_enough_slots_have_passed() -> None:
    rates = Rates(limit=3)
    for at in (NOON, NOON + 20_000, NOON + 25_000):
        rates.roll(at)
        rates.count([ANN])
    (verdict,) = rates.verdicts()
    assert (verdict.user_key, verdict.events) == (ANN, 3)
    # The first event leaves the window with its slot, a minute after the slot began.
    assert verdict.blocked_until == NOON + 60_000


def test_a_verdict_is_said_once_and_again_when_it_changes() -> None:
    rates = Rates(limit=2)
    rates.roll(NOON)
    for _ in range(3):
        rates.count([ANN])
    assert len(list(rates.verdicts())) == 1
    assert list(rates.verdicts()) == []
    rates.roll(NOON + 60_000)
    (verdict,) = rates.verdicts()
    assert (verdict.events, verdict.blocked_until) == (0, None)


def test_after_a_recovery_everyone_over_the_limit_is_said_again() -> None:
    rates, again = Rates(limit=2), Rates(limit=2)
    rates.roll(NOON)
    for _ in range(2):
        rates.count([ANN])
    again.restore([payload for _key, payload in rates.changes()], NOON)
    again.change_all()
    assert list(again.verdicts()) == list(rates.verdicts())
