"""Whatever the JWKS URL answers, and however slowly: the keys are fetched again, and good ones come into use."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from producer_api.errors import RequestRejected
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request
from producer_api.senders.authenticate import Authenticator
from producer_api.settings import Settings
from service_kit.sessions import fetch as fetching
from service_kit.sessions import jwks
from service_kit.sessions.jwks import Jwks
from service_kit.sessions.tokens import SessionVerifier
from service_kit.settings import load
from tests.support.session_tokens import NOW, RSA, SIGNERS, signed
from tests.support.session_tokens import jwks as document

Behaviour = Callable[[socket.socket], None]


def answer(body: bytes, status: str = "200 OK", *headers: str) -> Behaviour:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + body)


def raw(content: bytes) -> Behaviour:
    return lambda connection: connection.sendall(content)


def keys(*entries: Any) -> Behaviour:
    return answer(json.dumps({"keys": entries}).encode())


def drip(start: bytes) -> Behaviour:
    """Send one byte after another, so that no timeout of a socket is ever reached."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)

    return behave


ANSWERS = {
    "nothing": raw(b""),
    "not HTTP": raw(b"rubbish\r\n\r\n"),
    "an endless status line": raw(b"HTTP/1.1 200 " + b"x" * 100_000),
    "a cut chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "a chunk of negative size": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n"),
    "a cut body": raw(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"keys": ['),
    "500": answer(b"", "500 Internal Server Error"),
    "204": answer(b"", "204 No Content"),
    "a page": answer(b"<html>Log in</html>"),
    "not Unicode": answer(b"\xff\xfe{}"),
    "a list": answer(b"[1]"),
    "deep": answer(b"[" * 5_000 + b"]" * 5_000),
    "huge": answer(b" " * (2 * fetching.MAX_BYTES)),
    "no keys": keys(),
    "odd keys": keys(
        1, None, [], {"kid": ["a"]}, {"kty": []}, {"kty": "RSA", "n": "", "e": 3}, {"kty": "oct", "k": 1}
    ),
    "an RSA key of no bits": keys({"kty": "RSA", "n": "AA", "e": "AQAB", "kid": "x"}),
    "a point that is not on the curve": keys({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "x"}),
    "a redirect to a file": answer(b"", "302 Found", "Location: file:///etc/passwd"),
    "a redirect to itself": answer(b"", "302 Found", "Location: /"),
    "a redirect to nowhere": answer(b"", "302 Found", "Location: http://[:::"),
    "a drip of headers": drip(b"HTTP/1.1 200 OK\r\nX: "),
    "a drip of a body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"),
    "silence": lambda connection: connection.recv(1_000_000) and connection.recv(1) and None,
}


class Server:
    """Treats every connection as `behaviour` says."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.behaviour: Behaviour = raw(b"")
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._behave, args=(connection, self.behaviour), daemon=True).start()

    def _behave(self, connection: socket.socket, behaviour: Behaviour) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(1_000)
            behaviour(connection)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("REFRESH_INTERVAL_SECONDS", "RETRY_INTERVAL_SECONDS", "MIN_SECONDS_BETWEEN_FETCHES"):
        monkeypatch.setattr(jwks, name, 0.01)
    monkeypatch.setattr(fetching, "TIMEOUT_SECONDS", 0.3)
    started = Server()
    yield started
    started.close()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not met():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("behaviour", ANSWERS.values(), ids=ANSWERS)
async def test_after_any_answer_the_next_good_one_is_used(server: Server, behaviour: Behaviour) -> None:
    outcomes = list[bool]()
    sessions = SessionVerifier(keys=Jwks(server.url, outcomes.append), leeway=10.0)
    server.behaviour = answer(document(old=RSA))
    threads = threading.active_count()
    await sessions.start()
    try:
        await until(lambda: sessions.is_ready)
        server.behaviour = behaviour
        await until(lambda: outcomes[-2:] == [False, False])
        # What is known stays in use.
        assert (await sessions.verify(signed("old"), NOW)).claims["sub"] == "ann"
        server.behaviour = answer(document(new=SIGNERS["ES256"]))
        await until(lambda: outcomes[-2:] == [True, True])
        token = signed("new", SIGNERS["ES256"], "ES256")
        assert (await sessions.verify(token, NOW)).claims["sub"] == "ann"
    finally:
        await sessions.stop()
    # No thread was left with an answer that never ends (those of the pool stay).
    await until(lambda: threading.active_count() <= threads + 6)


async def test_of_thousands_of_keys_the_first_are_used_at_a_bounded_cost(server: Server) -> None:
    good = json.loads(document(good=RSA))["keys"][0]
    server.behaviour = keys(good, *({"kty": "oct", "k": "a" * 60, "kid": str(number)} for number in range(5_000)))
    keys_of_sessions = Jwks(server.url, lambda _succeeded: None)
    await keys_of_sessions.start()
    try:
        await until(lambda: keys_of_sessions.is_loaded)
        assert len(await keys_of_sessions.find(None)) == 100
        assert len(await keys_of_sessions.find("good")) == 1
    finally:
        await keys_of_sessions.stop()


async def test_a_withdrawn_key_opens_nothing_after_the_next_fetch_also_for_a_sender_who_was_known(
    server: Server,
) -> None:
    environ = {
        "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
        "FOOTFALL_HASH_KEY": "a hash key for tests",
        "FOOTFALL_SESSION_JWKS_URL": server.url,
    }
    authenticator = Authenticator(load(Settings, environ), Hasher("a hash key"))
    request = Request({b"cookie": f"session={signed('stolen')}".encode()}, "203.0.113.7", is_secure=True)
    server.behaviour = answer(document(stolen=RSA, other=SIGNERS["ES256"]))
    await authenticator.start()
    try:
        await until(lambda: authenticator.is_ready)
        assert (await authenticator.authenticate(request)).user_id == "ann"
        server.behaviour = answer(document(other=SIGNERS["ES256"]))
        fetched = server.connections + 2
        await until(lambda: server.connections > fetched)
        with pytest.raises(RequestRejected) as rejected:
            await authenticator.authenticate(request)
        assert rejected.value.fault.code == "session_invalid"
    finally:
        await authenticator.stop()
