"""Collector and dashboard agree on every token, with the same settings."""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from starlette.requests import HTTPConnection
from starlette.types import Scope

import dashboard.settings
import producer_api.settings
from dashboard.access.policy import Access, AccessPolicy
from producer_api.errors import RequestRejected
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request
from producer_api.senders.authenticate import Authenticator
from service_kit.sessions import jwks as fetching
from service_kit.sessions.tokens import SessionRejected, SessionVerifier, VerifiedToken
from service_kit.settings import SettingsError, load
from tests.support.session_tokens import RSA, SECRET, SIGNERS, confused, jwks, pem, signed, token

Environ = dict[str, str]
Outcome = Literal["accepted", "rejected", "unavailable"]

COMMON = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_DASHBOARD_ROLE": "analyst",
}
WITH_SECRET = {"FOOTFALL_SESSION_KEY": SECRET}
WITH_PUBLIC_KEY = {"FOOTFALL_SESSION_KEY": pem(RSA)}
WITH_NAMES = WITH_SECRET | {"FOOTFALL_SESSION_AUDIENCE": "shop", "FOOTFALL_SESSION_ISSUER": "https://id.example"}
NO_LEEWAY = WITH_SECRET | {"FOOTFALL_SESSION_LEEWAY_SECONDS": "0"}
_OUTCOMES: dict[Access, Outcome] = {
    Access.GRANTED: "accepted",
    Access.LOGIN_REQUIRED: "rejected",
    Access.UNAVAILABLE: "unavailable",
}


class Services:
    """The part of each service that judges sessions, made from one environment as `main` does."""

    def __init__(self, environ: Environ) -> None:
        self.authenticator = Authenticator(
            load(producer_api.settings.Settings, COMMON | environ), Hasher("a hash key")
        )
        self.policy = AccessPolicy(load(dashboard.settings.Settings, COMMON | environ))

    async def judge(self, text: str, cookie: str = "session") -> tuple[Outcome, Outcome]:
        """What collector and dashboard make of a token."""
        headers = [(b"cookie", f"{cookie}={text}".encode()), (b"host", b"stats.example")]
        client = ("203.0.113.7", 4242)
        scope: Scope = {"type": "http", "scheme": "https", "path": "/", "headers": headers, "client": client}
        return await self._collector(scope), _OUTCOMES[await self.policy.check(HTTPConnection(scope))]

    async def _collector(self, scope: Scope) -> Outcome:
        try:
            sender = await self.authenticator.authenticate(Request.of(scope))
        except RequestRejected as rejected:
            return "unavailable" if rejected.fault.code == "unavailable" else "rejected"
        assert sender.user_id == "ann"
        return "accepted"


@asynccontextmanager
async def running(environ: Environ) -> AsyncIterator[Services]:
    """Services that fetch keys in the background, as they do between start and stop."""
    services = Services(environ)
    await services.authenticator.start()
    await services.policy.start()
    yield services
    await services.policy.stop()
    await services.authenticator.stop()


@pytest.fixture
def key_server() -> Iterator[ThreadingHTTPServer]:
    """A server with the keys of RSA as `one`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = jwks(one=RSA)
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def url_of(server: ThreadingHTTPServer) -> Environ:
    return {"FOOTFALL_SESSION_JWKS_URL": f"http://127.0.0.1:{server.server_port}/keys"}


@pytest.mark.parametrize(
    ("environ", "make", "expected"),
    [
        pytest.param(WITH_SECRET, token, "accepted", id="valid"),
        pytest.param(WITH_SECRET, lambda: token(exp=time.time() - 5), "accepted", id="5 s past exp"),
        pytest.param(NO_LEEWAY, lambda: token(exp=time.time() - 5), "rejected", id="5 s past exp, no leeway"),
        pytest.param(WITH_SECRET, lambda: token(exp=time.time() - 15), "rejected", id="15 s past exp"),
        pytest.param(WITH_SECRET, lambda: token(exp=None), "rejected", id="no exp"),
        pytest.param(WITH_SECRET, lambda: token(exp="soon"), "rejected", id="exp is a word"),
        pytest.param(WITH_SECRET, lambda: token(nbf=time.time() + 5), "accepted", id="5 s before nbf"),
        pytest.param(WITH_SECRET, lambda: token(nbf=time.time() + 60), "rejected", id="60 s before nbf"),
        pytest.param(WITH_SECRET, lambda: token(aud="other"), "accepted", id="any aud"),
        pytest.param(
            WITH_NAMES, lambda: token(aud="shop", iss="https://id.example"), "accepted", id="aud and iss"
        ),
        pytest.param(WITH_NAMES, lambda: token(aud="other", iss="https://id.example"), "rejected", id="wrong aud"),
        pytest.param(WITH_NAMES, lambda: token(aud="shop", iss="https://x.example"), "rejected", id="wrong iss"),
        pytest.param(WITH_NAMES, token, "rejected", id="neither aud nor iss"),
        pytest.param(WITH_SECRET, lambda: token("another key of thirty-two chars."), "rejected", id="another key"),
        pytest.param(WITH_SECRET, lambda: "rubbish", "rejected", id="not a token"),
        pytest.param(WITH_PUBLIC_KEY, lambda: token(RSA, "RS256"), "accepted", id="public key"),
        pytest.param(WITH_PUBLIC_KEY, lambda: confused(pem(RSA)), "rejected", id="the public key as a secret"),
        pytest.param(WITH_PUBLIC_KEY, lambda: token(None, "none"), "rejected", id="algorithm none"),
        pytest.param(
            WITH_PUBLIC_KEY, lambda: token(SIGNERS["ES256"], "ES256"), "rejected", id="another algorithm"
        ),
    ],
)
async def test_collector_and_dashboard_agree_on_a_token(
    environ: Environ, make: Callable[[], str], expected: Outcome
) -> None:
    assert await Services(environ).judge(make()) == (expected, expected)


async def test_both_read_the_cookie_of_the_setting() -> None:
    services = Services(WITH_SECRET | {"FOOTFALL_SESSION_COOKIE": "sid"})
    assert await services.judge(token(), "sid") == ("accepted", "accepted")
    assert await services.judge(token(), "session") == ("rejected", "rejected")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param(
            {"FOOTFALL_SESSION_KEY": "12 character"},
            "FOOTFALL_SESSION_KEY must be a secret of 32 characters or more, or a public key in PEM.",
            id="12 characters",
        ),
        pytest.param(
            {"FOOTFALL_SESSION_KEY": SECRET, "FOOTFALL_SESSION_JWKS_URL": "https://id.example/keys"},
            "Set FOOTFALL_SESSION_KEY or FOOTFALL_SESSION_JWKS_URL, not both.",
            id="two sources of keys",
        ),
        pytest.param(
            {"FOOTFALL_SESSION_JWKS_URL": "id.example/keys"},
            "FOOTFALL_SESSION_JWKS_URL must be a URL that begins with http://, https://, file://.",
            id="not a URL",
        ),
    ],
)
def test_neither_starts_with_an_unusable_key_and_the_message_is_the_same(environ: Environ, message: str) -> None:
    for settings in (producer_api.settings.Settings, dashboard.settings.Settings):
        with pytest.raises(SettingsError) as rejected:
            load(settings, COMMON | environ)
        assert rejected.value.faults == [message]


async def test_both_can_use_keys_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(jwks(one=RSA))
    async with running({"FOOTFALL_SESSION_JWKS_URL": file.as_uri()}) as services:
        assert await services.judge(signed("one")) == ("accepted", "accepted")
        assert await services.judge(signed("unknown")) == ("rejected", "rejected")
        assert await services.judge(token(RSA, "RS256")) == ("accepted", "accepted"), "every key is tried"


async def test_both_use_known_keys_while_the_key_server_is_unavailable(
    key_server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MIN_SECONDS_BETWEEN_FETCHES", 0.0)
    async with running(url_of(key_server)) as services:
        assert await services.judge(signed("one")) == ("accepted", "accepted")
        key_server.socket.close()
        assert await services.judge(signed("unknown")) == ("rejected", "rejected")
        assert await services.judge(signed("one", name="not seen before")) == ("accepted", "accepted")
        assert (services.authenticator.is_ready, services.policy.is_ready) == (True, True)


async def test_neither_is_ready_before_the_first_keys_are_loaded(key_server: ThreadingHTTPServer) -> None:
    environ = url_of(key_server)
    key_server.socket.close()
    async with running(environ) as services:
        assert await services.judge(signed("one")) == ("unavailable", "unavailable")
        assert (services.authenticator.is_ready, services.policy.is_ready) == (False, False)


async def test_both_use_the_shared_verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reject_all(_self: SessionVerifier, _token: str, _now: float) -> VerifiedToken:
        raise SessionRejected("session_invalid", "nothing")

    async def accept_all(_self: SessionVerifier, _token: str, now: float) -> VerifiedToken:
        return VerifiedToken({"sub": "ann", "roles": ["analyst"]}, now)

    monkeypatch.setattr(SessionVerifier, "verify", reject_all)
    assert await Services(WITH_SECRET).judge(token()) == ("rejected", "rejected")
    monkeypatch.setattr(SessionVerifier, "verify", accept_all)
    assert await Services(WITH_SECRET).judge("anything") == ("accepted", "accepted")
