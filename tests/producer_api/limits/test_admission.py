"""What shares a limit, and what all limits together may take."""

import tracemalloc

import pytest

from producer_api.limits.admission import RateLimiter, SenderLimits, network_of
from producer_api.limits.cluster import ClusterLimits
from producer_api.limits.sliding_window import MAX_KEYS

# The memory limit of the chart, less what a collector takes under load without limiters (docs/performance.md).
CHART_BYTES = 512 * 1024 * 1024 - 200 * 1024 * 1024


def limiter(per_ip: int = 10) -> RateLimiter:
    return RateLimiter(ClusterLimits(), per_user=10, per_ip=per_ip, per_backend=10, bytes_per_event=4_096)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:0DB8:0001:0002::99", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "unknown", True),
        ("unknown", "_hidden", False),
    ],
)
def test_addresses_of_one_network_share_a_limit(one: str, other: str, together: bool) -> None:
    assert (network_of(one) == network_of(other)) == together
    limits = limiter()
    for ip, granted in ((one, 10), (other, 0 if together else 10)):
        sender = limits.of(user=None, ip=ip, backend=None, now=1000.0, now_ms=0)
        assert sender.admit(10).granted == granted


@pytest.mark.parametrize(
    ("user", "backend", "limited", "max_bytes"),
    [(b"ann", None, "user", 5_000), (None, None, "ip", 20_000), (None, "billing", "backend", 40_000)],
)
def test_the_bytes_of_a_minute_follow_from_the_limit_of_the_sender(
    user: bytes | None, backend: str | None, limited: str, max_bytes: int
) -> None:
    limits = RateLimiter(ClusterLimits(), per_user=10, per_ip=40, per_backend=80, bytes_per_event=500)

    def sender(now: float) -> SenderLimits:
        return limits.of(user=user, ip="192.0.2.1", backend=backend, now=now, now_ms=0)

    sender(1000.0).add_bytes(max_bytes - 1)
    assert sender(1001.0).over_bytes() is None
    sender(1001.0).add_bytes(1)
    assert sender(1002.0).over_bytes() == (limited, max_bytes, 58)
    assert sender(1060.0).over_bytes() is None


def test_the_bytes_of_an_address_are_those_of_all_its_users() -> None:
    limits = RateLimiter(ClusterLimits(), per_user=10, per_ip=10, per_backend=10, bytes_per_event=500)
    for user in (b"ann", b"ben"):
        sender = limits.of(user=user, ip="192.0.2.1", backend=None, now=1000.0, now_ms=0)
        assert sender.over_bytes() is None
        sender.add_bytes(2_500)
    sender = limits.of(user=b"cid", ip="192.0.2.1", backend=None, now=1000.0, now_ms=0)
    assert sender.over_bytes() == ("ip", 5_000, 60)


def test_a_name_for_a_client_that_is_not_an_address_takes_no_more_memory_for_its_length() -> None:
    assert len(network_of("x" * 100_000)) == 16
    assert len(network_of("\ud800:" * 100)) == 16


def test_a_million_senders_within_a_minute_fit_the_memory_limit_of_the_chart() -> None:
    """Measured with a part of them: users and IPs, each with a few requests."""
    senders = 10_000
    limits = limiter()
    tracemalloc.start()
    try:
        for request in range(3):
            for number in range(senders):
                sender = limits.of(
                    user=number.to_bytes(16, "big"),
                    ip=f"2001:db8:{number // 256:x}:{number % 256:x}::{request}",
                    backend=None,
                    now=1000.0 + request,
                    now_ms=0,
                )
                sender.add_bytes(400)
                sender.admit(1)
        taken, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(limits._users._usages) == len(limits._ips._usages) == senders
    # More than MAX_KEYS are never held, however many send.
    assert taken / senders * MAX_KEYS < CHART_BYTES
