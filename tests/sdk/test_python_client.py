"""The Python SDK without a collector: what it sends, what it makes of answers, and that it never gets in the way."""

import ast
import asyncio
import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import footfall_client
from avro_schemas import event_ids
from footfall_client import Client, context, set_context
from footfall_client.answers import backoff, judge
from footfall_client.chunks import FileStore
from footfall_client.transport import Answer, HttpTransport

PACKAGE = Path(footfall_client.__file__).parent
Reply = Callable[[list[dict[str, Any]]], Answer]


def accept(events: list[dict[str, Any]]) -> Answer:
    return results(*["accepted"] * len(events))


def results(*statuses: str, status: int = 200, **more: Any) -> Answer:
    entries = [{"index": index, "status": each} | more for index, each in enumerate(statuses)]
    return Answer(status, {}, json.dumps({"success": True, "message": "", "results": entries}).encode())


class Collector:
    """Answers requests as the test says, and accepts all others."""

    def __init__(self) -> None:
        self.replies: list[Reply | Exception] = []
        self.requests: list[dict[str, Any]] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def post(self, body: bytes) -> Answer:
        self.goes_on.wait(30)
        request = json.loads(body)
        self.requests.append(request)
        reply = self.replies.pop(0) if self.replies else accept
        if isinstance(reply, Exception):
            raise reply
        return reply(request["events"])

    def close(self) -> None:
        pass

    @property
    def ids(self) -> list[str]:
        return [event["event_id"] for request in self.requests for event in request["events"]]


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def start(collector: Collector) -> Iterator[Callable[..., Client]]:
    started: list[Client] = []

    def start_one(**options: Any) -> Client:
        started.append(Client("http://collector", transport=collector, **({"wait": 0.01} | options)))
        return started[-1]

    yield start_one
    collector.goes_on.set()
    for client in started:
        client.close(1)


Start = Callable[..., Client]


def test_an_event_has_an_id_a_time_and_the_people_of_the_context(start: Start, collector: Collector) -> None:
    client = start(site="shop", release="1")
    with context(user_id="ann", session_id="s"), context(release="2", route="/orders/:id"):
        first = client.track("feature_used", {"feature": "export"})
        second = client.track("page_view", {"page": "/"}, user_id=None, timestamp=datetime(2026, 1, 2, tzinfo=UTC))
    third = client.track_custom("tea_made")
    assert client.flush()
    sent = [event for request in collector.requests for event in request["events"]]
    assert [event["event_id"] for event in sent] == [first, second, third]
    assert all(event_ids.is_valid(event["event_id"]) for event in sent)
    assert [(event["user_id"], event["session_id"]) for event in sent] == [("ann", "s"), (None, "s"), (None, None)]
    assert [event.get("context") for event in sent] == [
        {"site": "shop", "release": "2", "route": "/orders/:id"},
        {"site": "shop", "release": "2", "route": "/orders/:id"},
        {"site": "shop", "release": "1"},
    ]
    assert sent[1]["timestamp"] == "2026-01-02T00:00:00+00:00"
    assert collector.requests[0]["sdk"].startswith("python/")


async def test_tasks_and_threads_have_their_own_context(start: Start, collector: Collector) -> None:
    client = start()

    async def request(user: str) -> None:
        set_context(user_id=user)
        await asyncio.sleep(0.001)
        client.track("click", {"user": user})

    await asyncio.gather(*[request(f"user-{number}") for number in range(20)])
    client.track("click", {"user": None})
    assert await client.flush_async()
    for event in (event for request in collector.requests for event in request["events"]):
        assert event["user_id"] == event["event_data"]["user"]


def test_what_cannot_be_sent_is_counted_said_once_and_raises_nothing(
    start: Start, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    client, ring = start(), dict[str, Any]()
    ring["ring"] = ring
    wrong = [object(), float("nan"), ring, "x" * 70_000, {(1, 2): 3}]
    for value in wrong * 3:
        assert client.track("click", {"value": value}) is None
    assert client.track_custom(None) is not None  # type: ignore[arg-type] # the collector says what is wrong
    fine = [uuid4(), datetime.now(UTC), Path("/a"), {1, 2}, "\ud83d", "a\x00b"]
    assert all(client.track("click", {"value": value}) for value in fine)
    assert client.flush()
    counters = client.counters
    assert (counters.tracked, counters.accepted, counters.dropped) == (22, 7, 15)
    assert len([record for record in caplog.records if "'click'" in record.message]) == len(wrong)
    assert sum(request["dropped"] for request in collector.requests) == 15


def test_limited_events_wait_alone_and_rejected_ones_are_said_once(
    start: Start, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    error = {"code": "field_missing", "pointer": "/event_data/page", "expected": "text"}
    collector.replies = [
        lambda _events: results("accepted", "limited", "duplicate", "retry", retry_after=0.05),
        lambda events: results(*["rejected"] * len(events), status=400, errors=[error]),
    ]
    client = start(wait=10, batch_size=4)
    ids = [client.track("click") for _ in range(4)]
    while not collector.requests:
        time.sleep(0.001)
    assert client.track("click")
    assert client.flush()
    counters = client.counters
    assert (counters.accepted, counters.duplicates, counters.rejected) == (3, 1, 1)
    assert sorted(collector.ids.count(event_id) for event_id in ids) == [1, 1, 2, 2]  # type: ignore[arg-type]
    (said,) = [record.message for record in caplog.records]
    assert "field_missing at /event_data/page" in said


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ConnectionRefusedError("refused"), id="no connection"),
        pytest.param(lambda _events: Answer(503, {"retry-after": "0"}, b"{}"), id="503"),
        pytest.param(lambda _events: Answer(429, {"retry-after": "0"}, b"{}"), id="429"),
        pytest.param(lambda _events: Answer(502, {}, b"<html>"), id="a proxy's 502"),
        pytest.param(lambda _events: results("retry", "retry", status=503, retry_after=0.01), id="each again"),
    ],
)
def test_what_fails_is_sent_again_with_the_same_ids(
    start: Start, collector: Collector, failure: Reply | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall_client.sender.backoff", lambda *_: 0.01)
    collector.replies = [failure] * 3
    client = start(wait=10, batch_size=2)
    ids = [client.track("click"), client.track("click")]
    while len(collector.requests) < 4:
        time.sleep(0.001)
    assert client.flush()
    assert collector.ids == ids * 4
    assert (client.counters.accepted, client.counters.waiting, client.counters.retries) == (2, 0, 3)


def test_a_request_that_is_too_large_is_sent_in_halves(start: Start, collector: Collector) -> None:
    def too_large(events: list[dict[str, Any]]) -> Answer:
        return Answer(413, {}, b"{}") if len(events) > 1 or events[0]["event_data"] else accept(events)

    collector.replies = [too_large] * 9
    client = start(wait=10, batch_size=5)
    for number in range(5):
        client.track("click", {"large": True} if number == 2 else None)
    assert client.flush()
    assert (client.counters.accepted, client.counters.dropped) == (4, 1)


def test_an_event_that_the_collector_fails_at_does_not_hold_up_the_others(
    start: Start, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall_client.sender.backoff", lambda *_: 0.005)

    def fail(events: list[dict[str, Any]]) -> Answer:
        return Answer(500, {}, b"") if any(event["event_data"] for event in events) else accept(events)

    collector.replies = [fail] * 100_000
    client = start(wait=0.001, batch_size=4)
    for number in range(8):
        client.track("click", {"poison": True} if number == 5 else None)
    while client.counters.dropped == 0:
        client.track("click")
        time.sleep(0.002)
    assert client.flush()
    counters = client.counters
    assert (counters.dropped, counters.accepted) == (1, counters.tracked - 1)


@pytest.mark.parametrize("on_disk", [False, True])
def test_memory_and_disk_are_bounded_and_the_oldest_go_first(
    start: Start, collector: Collector, tmp_path: Path, on_disk: bool
) -> None:
    collector.goes_on.clear()
    client = start(max_bytes=20_000, batch_size=10, spool_dir=tmp_path if on_disk else None)
    ids = [client.track("click", {"number": number}) for number in range(500)]
    assert client.counters.waiting < 120
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
    collector.goes_on.set()
    assert client.flush()
    counters = client.counters
    assert counters.accepted + counters.dropped == 500
    assert collector.ids[-50:] == ids[-50:]
    assert sum(request["dropped"] for request in collector.requests) == counters.dropped
    assert list(tmp_path.glob("*.events")) == []


def test_track_does_not_wait_while_a_request_hangs(start: Start, collector: Collector) -> None:
    collector.goes_on.clear()
    client = start()
    threads = [threading.Thread(target=lambda: [client.track("click") for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert client.counters.waiting == 1_600
    assert not client.flush(timeout=0.01)
    collector.goes_on.set()
    assert client.flush()
    assert len(set(collector.ids)) == len(collector.ids) == 1_600


def test_a_handler_that_tracks_what_is_logged_does_not_hang(start: Start, collector: Collector) -> None:
    client = start()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            client.track("error_encountered", {"message": record.getMessage()})

    handler = Handler()
    logging.getLogger("footfall_client").addHandler(handler)
    try:
        client.track("click", {"wrong": object()})
        while client.counters.tracked < 2:
            time.sleep(0.001)
        assert client.flush()
    finally:
        logging.getLogger("footfall_client").removeHandler(handler)


def test_what_is_left_in_memory_at_the_end_is_counted_and_what_is_on_disk_is_sent_by_the_next(
    start: Start, collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collector.replies = [OSError("gone")] * 1_000
    in_memory, on_disk = start(), start(spool_dir=tmp_path)
    ids = [on_disk.track("click") for _ in range(3)]
    in_memory.track("click")
    in_memory.close(0.05)
    on_disk.close(0.05)
    assert [(each.dropped, each.waiting) for each in (in_memory.counters, on_disk.counters)] == [(1, 0), (0, 3)]
    assert "1 events dropped: the process ended" in caplog.text
    assert on_disk.track("click") is not None
    assert on_disk.counters.dropped == 1
    collector.replies.clear()
    collector.requests.clear()
    (file,) = tmp_path.glob("*.events")
    with file.open("ab") as left:
        left.write(b'\0\0\0}\n[]\n{"event_id": "evt_cut')  # by a machine that failed, and by a kill
    later = start(spool_dir=tmp_path)
    while later.counters.adopted < 5:
        time.sleep(0.001)
    assert later.flush()
    assert collector.ids == ids
    assert (later.counters.accepted, later.counters.dropped) == (3, 2)
    assert list(tmp_path.glob("*.events")) == []
    assert collector.requests[-1]["dropped"] == 0


def test_files_of_the_living_are_left_alone(tmp_path: Path) -> None:
    living = FileStore(tmp_path)
    chunk = living.new()
    chunk.append(b'{"event_type": "click"}')
    assert list(FileStore(tmp_path).adopt(10**6)) == []
    for path in tmp_path.iterdir():
        path.rename(tmp_path / path.name.replace(socket.gethostname(), "elsewhere"))
    assert list(FileStore(tmp_path).adopt(10**6)) == []
    for path in tmp_path.glob("*.alive"):
        os.utime(path, (1, 1))
    adopted = list(FileStore(tmp_path).adopt(10**6))
    assert [each.lines() for each in adopted] == [[b'{"event_type": "click"}']]


def test_a_disk_that_is_full_costs_no_event(
    start: Start,
    collector: Collector,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = start(spool_dir=tmp_path, wait=10)
    client.track("click")

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError("no space left")

    monkeypatch.setattr("footfall_client.chunks.os.write", full)
    for _ in range(5):
        client.track("click")
    monkeypatch.undo()
    client.track("click")
    assert client.flush()
    assert client.counters.accepted == 7
    assert "no space left" in caplog.text


@pytest.mark.parametrize("key", ["HTTP 403: no", "HTTP 404: this is not an answer of a collector"])
def test_a_wrong_key_or_url_is_said_once_and_costs_nothing_else(
    start: Start, collector: Collector, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    status = int(key[5:8])
    body = b'{"success": false, "message": "no", "errors": []}' if status == 403 else b"<html>"
    collector.replies = [lambda _events: Answer(status, {}, body)]
    client = start()
    client.track("click")
    while not client.counters.retries:
        time.sleep(0.001)
    assert (client.counters.waiting, client.counters.dropped) == (1, 0)
    assert client.flush()
    assert [record.message for record in caplog.records] == [f"{key}; tried again"]


def test_an_answer_that_is_not_a_collectors_confirms_nothing() -> None:
    for body in (b"<html>", b"[]", b'{"results": []}', b'{"results": [1]}', b'{"results": {"a": 1}}', b"\xff"):
        verdict = judge(200, {}, body, ["click"])
        assert (verdict.failed, verdict.give_up, verdict.accepted) == (True, False, 0)
    assert judge(429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"", ["click"]).wait == 1.0
    assert judge(503, {"retry-after": "99999999"}, b"", ["click"]).wait == 3600
    assert [backoff(failures, 1.0) for failures in (1, 2, 3, 50)] == [1, 2, 4, 60]


@pytest.mark.parametrize("url", ["", "collector:3000", "ftp://collector", "https://"])
def test_a_url_that_cannot_be_meant_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="the URL of a collector"):
        Client(url)


def test_the_url_may_have_the_path_or_a_prefix() -> None:
    for url, path in (
        ("http://a", "/api/analytics/collect"),
        ("http://a/", "/api/analytics/collect"),
        ("http://a/api/analytics/collect", "/api/analytics/collect"),
        ("http://a/stats/", "/stats/api/analytics/collect"),
    ):
        assert HttpTransport(url, "", 1)._path == path


def test_the_package_needs_nothing_but_python() -> None:
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert {name.partition(".")[0] for name in imported} <= {"footfall_client"} | sys.stdlib_module_names
