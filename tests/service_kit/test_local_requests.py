"""Which requests come from this machine."""

import pytest

from service_kit.local_requests import PROXY_HEADERS, is_local


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:3000", "app.localhost:3000"]
)
def test_names_of_this_machine(host: str) -> None:
    for ip in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert is_local(ip, host, {"host", "user-agent"})


@pytest.mark.parametrize(
    "host",
    ["", "evil.example:3000", "localhost.evil.example", "evil.example#localhost", "[", "user@evil", "127.0.0.2"],
)
def test_a_name_that_resolves_to_this_machine_is_not_its_own(host: str) -> None:
    assert not is_local("127.0.0.1", host, {"host"})


def test_other_machines_and_proxies() -> None:
    assert not is_local("203.0.113.7", "localhost", {"host"})
    assert not is_local(None, "localhost", {"host"})
    for header in PROXY_HEADERS:
        assert not is_local("127.0.0.1", "localhost", {"host", header})
