"""The limit is an exact sliding minute, compared with a count made the simple way."""

from hypothesis import given
from hypothesis import strategies as st

from producer_api.limits.sliding_window import WINDOW, SlidingWindow, Usage


def admit(window: SlidingWindow, key: bytes, requested: int, now: float) -> tuple[int, Usage]:
    """Grant what is left, as the rate limiter does."""
    usage = window.usage(key, now)
    granted = min(requested, window.limit - usage.events)
    usage.add(now, size=100)
    usage.add(now, events=granted)
    return granted, usage


requests = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 10.0, 29.9, 60.0]), st.integers(1, 6), st.sampled_from([b"a", b"b"]))
)


@given(requests)
def test_no_minute_holds_more_than_the_limit_and_nothing_is_limited_early(
    requests: list[tuple[float, int, bytes]],
) -> None:
    window, now, admitted = SlidingWindow(5), 1000.0, list[tuple[float, bytes]]()
    for pause, requested, key in requests:
        now += pause
        inside = sum(at > now - WINDOW and k == key for at, k in admitted)
        granted, usage = admit(window, key, requested, now)
        assert granted == min(requested, 5 - inside)
        assert usage.events == inside + granted
        admitted += [(now, key)] * granted


def test_waiting_for_retry_after_is_enough() -> None:
    window = SlidingWindow(2)
    admit(window, b"a", 1, 100.0)
    admit(window, b"a", 1, 130.5)
    granted, usage = admit(window, b"a", 1, 140.2)
    assert (granted, usage.seconds_until_event(140.2)) == (0, 20)
    assert admit(window, b"a", 1, 140.2 + 20)[0] == 1


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 10.0, 29.9, 60.0]), st.integers(1, 900)), min_size=1))
def test_bytes_are_those_of_the_last_minute_and_waiting_for_them_is_enough(
    requests: list[tuple[float, int]],
) -> None:
    window, now, sent = SlidingWindow(1), 1000.0, list[tuple[float, int]]()
    for pause, size in requests:
        now += pause
        usage = window.usage(b"a", now)
        usage.add(now, size=size)
        sent.append((now, size))
        assert usage.bytes == sum(size for at, size in sent if at > now - WINDOW)
    if usage.bytes >= 1_000:
        wait = usage.seconds_until_bytes(1_000, now)
        assert window.usage(b"a", now + wait).bytes < 1_000


def test_requests_without_events_do_not_shorten_the_wait_for_an_event() -> None:
    usage = Usage()
    usage.add(100.0, size=300)
    usage.add(130.0, events=1)
    assert usage.seconds_until_event(131.0) == 59


def test_what_has_expired_takes_no_memory() -> None:
    window = SlidingWindow(1)
    for second in range(1_000):
        usage = window.usage(b"a", float(second))
        usage.add(float(second), size=1)
    assert usage.bytes == WINDOW
    assert len(usage.requests) < 3 * 3 * WINDOW


def test_memory_is_bounded_and_evictions_are_counted() -> None:
    evicted = []
    window = SlidingWindow(1, max_keys=3, on_evict=lambda: evicted.append(1))
    for number in range(10):
        assert admit(window, bytes([number]), 1, 100.0)[0] == 1
    assert len(window._usages) <= 3
    assert len(evicted) == 7


def test_forgetting_idle_users_is_not_an_eviction() -> None:
    evicted = []
    window = SlidingWindow(1, max_keys=3, on_evict=lambda: evicted.append(1))
    for number in range(10):
        admit(window, bytes([number]), 1, 100.0 + number * 61)
    assert evicted == []
    assert len(window._usages) == 1
