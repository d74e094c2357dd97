"""The collector under load while Kafka is frozen, killed and restarted, and while it is killed itself.

In every case, events that were answered as recorded are in Kafka, and all others were answered with 503.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from avro_schemas import topic
from footfall.kafka.topics import create_missing
from producer_api.storage import producer
from producer_api.storage.publisher import KafkaPublisher
from producer_api.storage.records import PublishRequest, Record
from service_kit.kafka.settings import KafkaSettings
from tests.support.events import fresh_id, now_ms
from tests.support.kafka_brokers import KafkaBroker
from tests.support.topics import read_all
from tests.support.workers import Worker

pytestmark = [pytest.mark.integration, pytest.mark.faults]

KEY = "a session key of thirty-two characters"
prefixes = itertools.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    started = KafkaBroker(tmp_path_factory.mktemp("broker"))
    yield started
    started.end()


@pytest.fixture
async def cluster(broker: KafkaBroker) -> KafkaSettings:
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap, topic_prefix=f"c{next(prefixes)}-")
    await create_missing(settings)
    return settings


def collector(cluster: KafkaSettings, folder: Path, *, spool: bool) -> Worker:
    settings: dict[str, Any] = {"spool_dir": folder / "spool"} if spool else {}
    return Worker(
        "producer_api",
        folder / "collector.log",
        port="PORT",
        kafka_bootstrap=cluster.kafka_bootstrap,
        topic_prefix=cluster.topic_prefix,
        hash_key="a hash key for tests",
        session_key=KEY,
        host="127.0.0.1",
        events_per_minute=10**6,
        events_per_minute_per_address=10**6,
        **settings,
    )


class Load:
    """Visitors who post one event after another, each with its own id, and remember the answers."""

    def __init__(self, port: int, visitors: int = 8, pause: float = 0.04) -> None:
        self.recorded, self.rejected, self.slowest = set[str](), dict[str, int](), 0.0
        self._url, self._pause = f"http://127.0.0.1:{port}/api/analytics/collect", pause
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(n,), daemon=True) for n in range(visitors)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a request does not return"

    def _post(self, visitor: int) -> None:
        token = jwt.encode({"sub": f"visitor-{visitor}", "exp": time.time() + 3600}, KEY)
        with httpx.Client(timeout=8, headers={"authorization": f"Bearer {token}"}) as client:
            while not self._stopped.wait(self._pause):
                self._send(client, fresh_id(now_ms()))

    def _send(self, client: httpx.Client, event_id: str) -> None:
        event = {"event_type": "click", "event_data": {"element": "logo"}, "event_id": event_id}
        started = time.monotonic()
        try:
            answer = client.post(self._url, json=event)
        except httpx.TransportError:
            # The collector was killed, so nothing was promised. Its next start needs the CPU.
            self._stopped.wait(0.2)
            return
        self.slowest = max(self.slowest, time.monotonic() - started)
        if answer.status_code == 200:
            self.recorded.add(event_id)
        else:
            assert answer.json()["success"] is False
            assert int(answer.headers["retry-after"]) >= 1
            self.rejected[event_id] = answer.status_code

    def wait_for(self, more: int, seconds: float = 60) -> None:
        """Wait until this many more events are recorded."""
        wanted, deadline = len(self.recorded) + more, time.monotonic() + seconds
        while len(self.recorded) < wanted:
            assert time.monotonic() < deadline, f"{len(self.recorded)} of {wanted}"
            time.sleep(0.02)


async def in_kafka(cluster: KafkaSettings) -> list[str]:
    records = await read_all(cluster.kafka_bootstrap, cluster.name("events"))
    return [dict(record.headers)["ce_id"].decode() for record in records]


async def test_a_producer_that_cannot_flush_leaves_nothing_behind(
    broker: KafkaBroker, cluster: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "_STOP_SECONDS", 0.5)
    before = asyncio.all_tasks()
    publisher = KafkaPublisher(cluster, [topic.EVENTS], timeout_seconds=0.5, max_bytes=10**6)
    await publisher.start()
    while not publisher.is_available:
        await asyncio.sleep(0.05)
    broker.freeze()
    try:
        assert await publisher.publish(PublishRequest(b"k", [Record("evt_1", b"v", [])])) == [False]
        await asyncio.wait_for(publisher.stop(), 20)
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() - before == set()
    finally:
        broker.thaw()


@pytest.mark.parametrize("spool", [False, True], ids=["no spool", "spool"])
async def test_an_outage_of_kafka_loses_nothing(
    broker: KafkaBroker, cluster: KafkaSettings, tmp_path: Path, spool: bool
) -> None:
    worker = collector(cluster, tmp_path, spool=spool)
    worker.start()
    load = Load(worker.port)
    try:
        load.wait_for(100)
        for outage in ("frozen", "killed"):
            broker.freeze() if outage == "frozen" else broker.kill()
            await asyncio.sleep(4)
            if spool:
                load.wait_for(50)
            broker.thaw() if outage == "frozen" else broker.start()
            load.wait_for(100)
        load.stop()
        await drained(worker)
        stored = await in_kafka(cluster)
        assert load.recorded <= set(stored)
        assert bool(load.rejected) is not spool
        assert set(load.rejected.values()) <= {503}
        # An event answered with 503 may have been acknowledged late. There is nothing else in Kafka.
        assert set(stored) <= load.recorded | load.rejected.keys()
        assert load.slowest < 3.8  # nobody waits until Kafka is back
    finally:
        broker.thaw_if_running()
        load.stop()
        assert worker.end() in (0, -15)  # uvicorn ends with the signal that stopped it


async def drained(worker: Worker, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while worker.metrics().get("footfall_collector_spool_events", 0) or not worker.is_ready():
        assert time.monotonic() < deadline, worker.log()
        await asyncio.sleep(0.1)


SPOOLING = [
    ("os:fsync", "before"),
    ("producer_api.storage.segments:Segments.append", "before"),
    ("producer_api.storage.segments:Segments.append", "after"),
]
REPLAYING = [
    ("producer_api.storage.segments:Segments.read", "after"),
    ("producer_api.storage.segments:Segments.mark_replayed", "before"),
    ("os:fsync", "before"),
    ("pathlib:Path.replace", "before"),
    ("pathlib:Path.replace", "after"),
    ("producer_api.storage.segments:Segments.end_segment", "before"),
]
PUBLISHING = [
    ("producer_api.storage.publisher:KafkaPublisher.publish", "before"),
    ("producer_api.storage.publisher:KafkaPublisher.publish", "after"),
    ("producer_api.storage.publisher:KafkaPublisher._finish", "before"),
]


@pytest.mark.parametrize(("point", "when"), PUBLISHING)
async def test_a_kill_while_publishing_loses_nothing_acknowledged(
    cluster: KafkaSettings, tmp_path: Path, point: str, when: str
) -> None:
    worker = collector(cluster, tmp_path, spool=False)
    worker.start(die=(point, when, 100))
    load = Load(worker.port)
    try:
        await killed(worker)
        worker.start()
        load.wait_for(50)
        load.stop()
        assert load.recorded <= set(await in_kafka(cluster))
    finally:
        load.stop()
        worker.end()


@pytest.mark.parametrize(("point", "when"), SPOOLING)
async def test_a_kill_while_spooling_loses_nothing_acknowledged(
    broker: KafkaBroker, cluster: KafkaSettings, tmp_path: Path, point: str, when: str
) -> None:
    worker = collector(cluster, tmp_path, spool=True)
    worker.start(die=(point, when, 30))
    load = Load(worker.port)
    try:
        load.wait_for(50)
        broker.freeze()
        await killed(worker)
        load.stop()
        broker.thaw()
        worker.start()
        await drained(worker)
        assert load.recorded <= set(await in_kafka(cluster))
    finally:
        broker.thaw_if_running()
        load.stop()
        worker.end()


@pytest.mark.parametrize(("point", "when"), REPLAYING)
async def test_a_kill_while_replaying_loses_nothing_acknowledged(
    broker: KafkaBroker, cluster: KafkaSettings, tmp_path: Path, point: str, when: str
) -> None:
    worker = collector(cluster, tmp_path, spool=True)
    worker.start()
    load = Load(worker.port)
    try:
        broker.freeze()
        load.wait_for(300)
        load.stop()
        worker.kill()
        broker.thaw()
        worker.start(die=(point, when, 1), wait=0)
        await killed(worker)
        worker.start()
        await drained(worker)
        assert load.recorded <= set(await in_kafka(cluster))
    finally:
        broker.thaw_if_running()
        load.stop()
        worker.end()


async def killed(worker: Worker, seconds: float = 60) -> None:
    assert worker.process
    deadline = time.monotonic() + seconds
    while worker.process.poll() is None:
        assert time.monotonic() < deadline, worker.log()
        await asyncio.sleep(0.05)
    assert worker.process.returncode == -9, worker.log()


async def test_requests_in_progress_are_answered_when_the_collector_stops(
    broker: KafkaBroker, cluster: KafkaSettings, tmp_path: Path
) -> None:
    worker = collector(cluster, tmp_path, spool=False)
    worker.start()
    load = Load(worker.port, pause=0)
    try:
        load.wait_for(200)
        assert worker.end() in (0, -15)  # uvicorn ends with the signal that stopped it
        load.stop()
        assert load.recorded <= set(await in_kafka(cluster))
        assert set(load.rejected.values()) <= {503}
    finally:
        load.stop()
        worker.end()
