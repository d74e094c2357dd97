"""Which requests come from this machine."""

import pytest

from service_kit.local_requests import PROXY_HEADERS, is_local


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:3000", "app.localhost:3000"]
)
def test_names_of_this_machine(host: str) -> None:
    for ip in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert is_local(ip, host, {"host": host, "user-agent": "curl"})


@pytest.mark.parametrize(
    "host",
    ["", "evil.example:3000", "localhost.evil.example", "evil.example#localhost", "[", "user@evil", "127.0.0.2"],
)
def test_a_name_that_resolves_to_this_machine_is_not_its_own(host: str) -> None:
    assert not is_local("127.0.0.1", host, {"host": host})


def test_other_machines_and_proxies() -> None:
    assert not is_local("203.0.113.7", "localhost", {})
    assert not is_local(None, "localhost", {})
    for header in PROXY_HEADERS:
        for value in ("", "203.0.113.7", "127.0.0.1, 203.0.113.7", "shop.example"):
            assert not is_local("127.0.0.1", "localhost", {header: value})


def test_a_proxy_on_this_machine_that_says_who_asked_it() -> None:
    for sender in ("127.0.0.1", "::1", "127.0.0.1, ::1"):
        assert is_local("127.0.0.1", "localhost", {"x-forwarded-for": sender})
        assert is_local("127.0.0.1", "localhost", {"x-forwarded-for": sender, "via": "1.1 Caddy"})
        assert is_local(
            "127.0.0.1", "localhost", {"x-forwarded-for": sender, "x-forwarded-host": "localhost:3001"}
        )
        assert not is_local(
            "127.0.0.1", "localhost", {"x-forwarded-for": sender, "x-forwarded-host": "shop.example"}
        )
        assert not is_local("127.0.0.1", "localhost", {"x-forwarded-for": sender, "x-real-ip": "203.0.113.7"})


def test_a_proxy_that_may_pass_on_what_its_client_made_up_is_not_trusted() -> None:
    for header, value in (("forwarded", "for=127.0.0.1"), ("via", "1.1 squid"), ("via", "1.1 Caddy, 1.1 squid")):
        assert not is_local("127.0.0.1", "localhost", {"x-forwarded-for": "127.0.0.1", header: value})
