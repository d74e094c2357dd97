"""What shares a limit, and what all limits together may take."""

import tracemalloc

import pytest

from producer_api.limits.admission import RateLimiter, network_of
from producer_api.limits.cluster import ClusterLimits
from producer_api.limits.sliding_window import MAX_KEYS

# The memory limit of the chart, less what a collector takes under load without limiters (docs/performance.md).
CHART_BYTES = 512 * 1024 * 1024 - 200 * 1024 * 1024


def limiter(per_ip: int = 10) -> RateLimiter:
    return RateLimiter(ClusterLimits(), per_user=10, per_ip=per_ip, per_backend=10)


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
        admission = limits.admit(10, user=None, ip=ip, backend=None, now=1000.0, now_ms=0)
        assert admission.granted == granted


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
                limits.admit(
                    1,
                    user=number.to_bytes(16, "big"),
                    ip=f"2001:db8:{number // 256:x}:{number % 256:x}::{request}",
                    backend=None,
                    now=1000.0 + request,
                    now_ms=0,
                )
        taken, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(limits._users._usages) == len(limits._ips._usages) == senders
    # More than MAX_KEYS are never held, however many send.
    assert taken / senders * MAX_KEYS < CHART_BYTES
