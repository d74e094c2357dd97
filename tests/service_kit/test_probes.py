"""A service without HTTP of its own answers probes."""

import json
import socket
import threading
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from service_kit.probes import MAX_CONNECTIONS, Health, Probes


@pytest.fixture
def probes() -> Iterator[Probes]:
    metrics = CollectorRegistry()
    Counter("seen", "Things seen.", registry=metrics).inc(3)
    started = Probes(0, live=lambda: Health(True), ready=lambda: Health(False, "recovering"), metrics=metrics)
    started.start()
    yield started
    started.stop()


def test_a_live_service_answers_200_and_one_that_is_not_ready_503_with_the_reason(probes: Probes) -> None:
    with urlopen(f"http://localhost:{probes.port}/healthz") as answer:
        assert json.load(answer) == {"status": "ok"}
    with pytest.raises(HTTPError) as refused:
        urlopen(f"http://localhost:{probes.port}/readyz")
    with refused.value as answer:
        assert answer.code == 503
        assert json.load(answer) == {"status": "recovering"}


def test_metrics_are_in_the_text_format_of_prometheus(probes: Probes) -> None:
    with urlopen(f"http://localhost:{probes.port}/metrics") as answer:
        assert b"seen_total 3.0" in answer.read()


def test_a_page_is_found_by_its_path_or_gets_a_name() -> None:
    pages = {"/state": lambda _name: {"all": 1}, "/state/users/": lambda name: {"user": name} if name else None}
    started = Probes(0, live=_well, ready=_well, metrics=CollectorRegistry(), pages=pages)
    started.start()
    try:
        for path, says in {"/state": {"all": 1}, "/state/users/ann": {"user": "ann"}}.items():
            with urlopen(f"http://localhost:{started.port}{path}") as answer:
                assert json.load(answer) == says
        for path in ("/state/users/", "/state/other", "/other"):
            with pytest.raises(HTTPError) as refused:
                urlopen(f"http://localhost:{started.port}{path}")
            with refused.value as answer:
                assert b"/state/users/" in answer.read()
    finally:
        started.stop()


def test_probes_are_answered_and_threads_are_bounded_while_others_hold_connections(probes: Probes) -> None:
    before = threading.active_count()
    held = []
    for _connection in range(3 * MAX_CONNECTIONS):
        held.append(socket.create_connection(("127.0.0.1", probes.port)))
        held[-1].sendall(b"GET /healthz HTTP/1.1\r\n")
        with urlopen(f"http://127.0.0.1:{probes.port}/healthz") as answer:
            assert answer.status == 200
    # The oldest ones were closed, by an end of the stream.
    assert held[0].recv(1) == b""
    # One per connection, and those that are just ending.
    assert threading.active_count() - before <= 2 * MAX_CONNECTIONS
    for connection in held:
        connection.close()


def test_a_host_to_listen_on_keeps_other_interfaces_out() -> None:
    started = Probes(0, host="127.0.0.1", live=_well, ready=_well, metrics=CollectorRegistry())
    try:
        # Another interface of this machine, which needs no network to be there.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", started.port))
        socket.create_connection(("127.0.0.1", started.port)).close()
    finally:
        started._server.server_close()


def _well() -> Health:
    return Health(True)
