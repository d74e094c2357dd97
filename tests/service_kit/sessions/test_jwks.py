"""Keys from a JWKS URL rotate, and known ones outlive an outage of the server."""

import asyncio
import time

import pytest

from service_kit.sessions import jwks
from service_kit.sessions.jwks import Jwks
from service_kit.sessions.tokens import SessionRejected, SessionVerifier
from tests.support.session_tokens import NOW, RSA, SIGNERS, KeyServer, signed

URL = "https://id.example/jwks"


def ignore(_succeeded: bool) -> None:
    pass


def verifier(keys: Jwks) -> SessionVerifier:
    return SessionVerifier(keys=keys, leeway=10.0)


async def rejection(text: str, by: SessionVerifier) -> str:
    with pytest.raises(SessionRejected) as rejected:
        await by.verify(text, NOW)
    return rejected.value.code


async def test_keys_rotate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "MIN_SECONDS_BETWEEN_FETCHES", 0.0)
    server = KeyServer(old=SIGNERS["ES256"])
    sessions = verifier(Jwks(URL, ignore, fetch=server))
    assert (await sessions.verify(signed("old", SIGNERS["ES256"], "ES256"), NOW)).claims["sub"] == "ann"
    server.signers = {"new": SIGNERS["EdDSA"]}
    assert (await sessions.verify(signed("new", SIGNERS["EdDSA"], "EdDSA"), NOW)).claims["sub"] == "ann"
    assert await rejection(signed("old", SIGNERS["ES256"], "ES256"), sessions) == "session_invalid"


async def test_known_keys_outlive_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "MIN_SECONDS_BETWEEN_FETCHES", 0.0)
    server, outcomes = KeyServer(one=RSA), list[bool]()
    sessions = verifier(Jwks(URL, outcomes.append, fetch=server))
    await sessions.verify(signed("one"), NOW)
    server.is_away = True
    assert await rejection(signed("other"), sessions) == "session_invalid"
    assert (await sessions.verify(signed("one"), NOW)).claims["sub"] == "ann"
    assert outcomes == [True, False]


async def test_made_up_key_ids_do_not_flood_the_server() -> None:
    server = KeyServer(one=RSA)
    sessions = verifier(Jwks(URL, ignore, fetch=server))
    for number in range(20):
        assert await rejection(signed(f"made up {number}"), sessions) == "session_invalid"
    assert server.requests == 1


async def test_keys_are_fetched_ahead_of_need() -> None:
    keys = Jwks(URL, ignore, fetch=KeyServer(one=RSA))
    assert not keys.is_loaded
    await keys.start()
    try:
        assert [key.algorithm for key in await keys.find("one")] == ["RS256"]
        assert keys.is_loaded
    finally:
        await keys.stop()


async def test_keys_are_fetched_in_the_background_once_the_server_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "RETRY_INTERVAL_SECONDS", 0.01)
    server = KeyServer(one=RSA)
    server.is_away = True
    sessions = verifier(Jwks(URL, ignore, fetch=server))
    await sessions.start()
    try:
        assert await rejection(signed("one"), sessions) == "unavailable"
        assert not sessions.is_ready
        server.is_away = False
        async with asyncio.timeout(10):
            while not sessions.is_ready:
                await asyncio.sleep(0.01)
        assert (await sessions.verify(signed("one"), NOW)).claims["sub"] == "ann"
    finally:
        await sessions.stop()


async def test_a_server_that_does_not_answer_delays_a_request_only_briefly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jwks, "MAX_WAIT_SECONDS", 0.05)
    sessions = verifier(Jwks(URL, ignore, fetch=lambda _url: time.sleep(1) or b""))
    await sessions.start()
    try:
        async with asyncio.timeout(0.8):
            codes = await asyncio.gather(*(rejection(signed("one"), sessions) for _ in range(5)))
        assert set(codes) == {"unavailable"}
    finally:
        await sessions.stop()
