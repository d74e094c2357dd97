"""What a client may cost before its request is complete, over real sockets."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service_kit import http_server
from service_kit.http_server import MAX_HEAD_BYTES

GOOD = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of path and body; `/early` without reading the body, `/stream` for as long as asked."""
    if scope["type"] != "http":
        return
    length, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
    await send({"type": "http.response.body", "body": b"%8d" % (length + len(scope["path"]))})


class Running:
    def __init__(self, server: uvicorn.Server, port: int) -> None:
        self.server, self.port = server, port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def is_well(self) -> bool:
        with self.connect() as connection:
            connection.sendall(GOOD)
            return connection.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Running]:
    """A server; parameters replace constants of the module."""
    changed: dict[str, Any] = getattr(request, "param", {})
    for name, value in changed.items():
        monkeypatch.setattr(http_server, name, value)
    listening = socket.create_server(("127.0.0.1", 0))
    options = http_server.options(changed.get("BODY_TIMEOUT_SECONDS", 60.0))
    server = uvicorn.Server(uvicorn.Config(echo, **options, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield Running(server, listening.getsockname()[1])
    server.should_exit = True
    thread.join()
    listening.close()


def received(connection: socket.socket) -> bytes:
    """All until the end; a reset is an end too."""
    content = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(100_000):
            content += part
    return content


def answers(connection: socket.socket, count: int) -> list[bytes]:
    """The bodies of so many answers."""
    content = b""
    while content.count(b"\r\n\r\n") < count or len(content.rpartition(b"\r\n\r\n")[2]) < 8:
        part = connection.recv(100_000)
        assert part, content
        content += part
    return [part[:8].strip() for part in content.split(b"\r\n\r\n")[1:]]


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES,
        b"GET /" + b"x" * MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * (MAX_HEAD_BYTES // 6),
    ],
    ids=["a long header", "a long request line", "many headers"],
)
def test_a_head_without_end_is_refused(running: Running, head: bytes) -> None:
    with running.connect() as connection:
        connection.sendall(head[:MAX_HEAD_BYTES])
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in answer


def test_a_head_beyond_the_bound_is_not_served_although_it_came_at_once(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n")
        # (A reset can overtake the answer, as bytes are left that nobody reads.)
        assert received(connection)[:13] in (b"HTTP/1.1 431 ", b"")


def test_a_head_of_many_megabytes_stops_at_the_bound_and_delays_nobody(running: Running) -> None:
    with running.connect() as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 64_000_000)
        # It was closed long before all of it was taken.
        assert running.is_well()


def test_requests_within_the_bounds_are_served(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n")
        assert answers(connection, 1) == [b"1"]
        # In pieces, with a body that is larger than a head may be, and another request right behind it.
        body = b"x" * 300_000
        request = b"POST /abc HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + body + GOOD
        for start in range(0, len(request), 10_007):
            connection.sendall(request[start : start + 10_007])
        assert answers(connection, 2) == [b"300004", b"1"]
        # Many pipelined requests are together larger than a head may be.
        many = 2 * MAX_HEAD_BYTES // len(GOOD)
        connection.sendall(GOOD * many)
        assert answers(connection, many) == [b"1"] * many


@pytest.mark.parametrize("running", [{"HEAD_TIMEOUT_SECONDS": 0.2}], indirect=True)
@pytest.mark.parametrize(
    ("line", "hosts", "status"),
    [
        (b"HTTP/1.1", [b"a.example"], b"200"),
        (b"HTTP/1.1", [], b"400"),
        (b"HTTP/1.1", [b"a.example", b"a.example"], b"400"),
        (b"HTTP/1.1", [b"a.example", b"b.example"], b"400"),
        (b"HTTP/1.0", [], b"200"),
        (b"HTTP/1.0", [b"a.example", b"b.example"], b"400"),
    ],
)
def test_a_request_has_one_host(running: Running, line: bytes, hosts: list[bytes], status: bytes) -> None:
    with running.connect() as connection:
        headers = b"".join(b"Host: %s\r\n" % host for host in hosts)
        connection.sendall(b"POST / %s\r\nconnection: close\r\n%scontent-length: 1\r\n\r\nx" % (line, headers))
        assert received(connection).split(b" ")[1] == status
    assert running.is_well()


def test_connections_without_a_whole_head_are_closed(running: Running) -> None:
    idle, half, after = running.connect(), running.connect(), running.connect()
    with idle, half, after:
        half.sendall(b"GET / HTTP/1.1\r\nHost:")
        after.sendall(GOOD)
        assert answers(after, 1) == [b"1"]
        after.sendall(b"GET / HT")
        assert received(idle) == b""
        assert received(half).startswith(b"HTTP/1.1 408 ")
        assert received(after).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("running", [{"HEAD_TIMEOUT_SECONDS": 0.2}], indirect=True)
@pytest.mark.parametrize("drip", [b"x", b"\r\n"], ids=["a header", "empty lines"])
def test_a_drip_holds_no_connection_open(running: Running, drip: bytes) -> None:
    with running.connect() as connection:
        connection.sendall(GOOD)
        assert answers(connection, 1) == [b"1"]
        connection.sendall(b"\r\n" if drip == b"\r\n" else b"GET / HTTP/1.1\r\nX: ")
        deadline = time.monotonic() + 60
        with pytest.raises(ConnectionError):
            while time.monotonic() < deadline:
                connection.sendall(drip)
                time.sleep(0.02)


@pytest.mark.parametrize("running", [{"BODY_TIMEOUT_SECONDS": 0.3}], indirect=True)
@pytest.mark.parametrize("path", [b"/", b"/early"], ids=["before the answer", "after an early answer"])
def test_a_body_that_drips_is_ended(running: Running, path: bytes) -> None:
    with running.connect() as connection:
        connection.sendall(b"POST " + path + b" HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        deadline = time.monotonic() + 60
        with pytest.raises(ConnectionError):
            while time.monotonic() < deadline:
                connection.sendall(b"x")
                time.sleep(0.02)
    assert running.is_well()


@pytest.mark.parametrize("running", [{"MAX_CONNECTIONS": 40}], indirect=True)
def test_the_oldest_idle_connections_make_room_for_others(running: Running) -> None:
    held = []
    for _connection in range(100):
        held.append(running.connect())
        held[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert running.is_well()
    assert len(running.server.server_state.connections) <= 41
    assert received(held[0]) == b""
    # The newest are still served.
    held[-1].sendall(b"\r\n")
    assert answers(held[-1], 1) == [b"1"]
    for connection in held:
        connection.close()


@pytest.mark.parametrize("running", [{"MAX_CONNECTIONS": 40}], indirect=True)
def test_connections_between_two_requests_make_room_too(running: Running) -> None:
    held = [running.connect() for _connection in range(40)]
    for connection in held:
        connection.sendall(GOOD)
        assert answers(connection, 1) == [b"1"]
    assert running.is_well()
    for connection in held:
        connection.close()


@pytest.mark.parametrize("running", [{"MAX_CONNECTIONS": 40}], indirect=True)
def test_requests_in_progress_are_never_given_up_for_others(running: Running) -> None:
    posting = [running.connect() for _connection in range(40)]
    for connection in posting:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
    while len(running.server.server_state.tasks) < len(posting):
        time.sleep(0.01)
    with running.connect() as another:
        refused = received(another)
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in refused
    for connection in posting:
        connection.sendall(b"67890")
        assert answers(connection, 1) == [b"11"]
        connection.close()
