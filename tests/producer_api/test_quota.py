"""The limit is an exact sliding minute, against a count made the plain way."""

from hypothesis import given
from hypothesis import strategies as st

from producer_api.limits.sliding_window import WINDOW, Quota, Usage


def admit(quota: Quota, key: bytes, asked: int, now: float) -> tuple[int, Usage]:
    """As the limits do: grant what is left."""
    usage = quota.usage(key, now)
    granted = min(asked, quota.limit - usage.total)
    usage.take(granted, now)
    return granted, usage


asks = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 10.0, 29.9, 60.0]), st.integers(1, 6), st.sampled_from([b"a", b"b"]))
)


@given(asks)
def test_no_minute_ever_holds_more_than_the_limit_and_nothing_is_refused_early(
    asks: list[tuple[float, int, bytes]],
) -> None:
    quota, now, admitted = Quota(5), 1000.0, list[tuple[float, bytes]]()
    for pause, asked, key in asks:
        now += pause
        inside = sum(at > now - WINDOW and k == key for at, k in admitted)
        granted, usage = admit(quota, key, asked, now)
        assert granted == min(asked, 5 - inside)
        assert usage.total == inside + granted
        admitted += [(now, key)] * granted


def test_waiting_as_long_as_was_said_is_enough() -> None:
    quota = Quota(2)
    admit(quota, b"a", 1, 100.0)
    admit(quota, b"a", 1, 130.5)
    granted, usage = admit(quota, b"a", 1, 140.2)
    assert (granted, usage.wait(140.2)) == (0, 20)
    assert admit(quota, b"a", 1, 140.2 + 20)[0] == 1


def test_memory_is_bounded_and_what_is_forgotten_is_counted() -> None:
    forgotten = []
    quota = Quota(1, max_keys=3, evicted=lambda: forgotten.append(1))
    for number in range(10):
        assert admit(quota, bytes([number]), 1, 100.0)[0] == 1
    assert len(quota._usages) <= 3
    assert len(forgotten) == 7


def test_idle_users_are_forgotten_for_free() -> None:
    forgotten = []
    quota = Quota(1, max_keys=3, evicted=lambda: forgotten.append(1))
    for number in range(10):
        admit(quota, bytes([number]), 1, 100.0 + number * 61)
    assert forgotten == []
    assert len(quota._usages) == 1
