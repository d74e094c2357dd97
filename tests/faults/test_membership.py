"""A service that cannot do its work any longer connects again, or ends and says why; it never only looks well.

All brokers move to other addresses behind the same bootstrap address; a group refuses a member; two processes have
one group instance id; a stranger joins the group of the sinks; topics are missing, and the brokers would create them;
another cluster answers. One broker for all of it, but for the last.
"""

import asyncio
import json
import logging
import signal
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, TopicPartition

from footfall.doctor.kafka import check_members
from footfall.kafka.lag import current_lags
from footfall.kafka.topics import create_missing
from service_kit.kafka.group_members import members
from service_kit.kafka.membership import EXIT_REFUSED, EXIT_REPLACED
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import admin_client
from service_kit.kafka.watch import EXIT_UNHEARD
from tests.support.database import at
from tests.support.events import encoded, event, now_ms
from tests.support.kafka_brokers import KafkaBroker
from tests.support.proxies import Proxy
from tests.support.topics import read_all
from tests.support.traffic import assert_counts_equal_the_log
from tests.support.workers import Worker, sinks_worker

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(300)]

log = logging.getLogger(__name__)

SESSION_SECONDS = 12
KEY = "0123456789abcdefghijABCDEFGHIJ0123456789"


class Installation:
    """A collector, a stream worker, a sink and a dashboard that know Kafka by the address of a load balancer."""

    def __init__(self, kafka: KafkaSettings, dsn: str, folder: Path) -> None:
        self._kafka, self.dsn, self._folder = kafka, dsn, folder
        self._started: list[Worker] = []
        self.collector = self._worker(
            "producer_api",
            "collector",
            port="PORT",
            hash_key="a hash key for tests",
            session_key="a session key of thirty-two characters",
            backend_keys=f"backend={KEY}",
        )
        self.dashboard = self._worker(
            "dashboard", "dashboard", port="PORT", postgres_dsn=dsn, trust_loopback=True, host="127.0.0.1"
        )
        self.stream = self.another_stream("worker")
        self.sink = self.another_sink("sink")

    def _worker(self, module: str, name: str, **settings: object) -> Worker:
        kafka = {"kafka_bootstrap": self._kafka.kafka_bootstrap}
        created = Worker(module, self._folder / f"{name}.log", **(kafka | settings))  # type: ignore[arg-type]
        self._started.append(created)
        return created

    def another_stream(self, name: str, *, instance: str | None = None, seconds: int = SESSION_SECONDS) -> Worker:
        return self._worker(
            "stream_app", name, group_instance_id=instance or name, group_session_timeout_seconds=seconds
        )

    def another_sink(self, name: str, *, instance: str | None = None, seconds: int = SESSION_SECONDS) -> Worker:
        changes = {"group_instance_id": instance or name, "group_session_timeout_seconds": seconds}
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        created = sinks_worker(self._kafka, self.dsn, folder, **changes)
        self._started.append(created)
        return created

    def start(self) -> None:
        services = (self.collector, self.stream, self.sink, self.dashboard)
        for each in services:
            each.start(wait=0)
        for each in services:
            each.wait_until_ready(60)

    async def supervise(self) -> None:
        """Restart those that end, as Kubernetes would: a worker that cannot write a checkpoint for 30 s does."""
        while True:
            for each in (self.collector, self.stream, self.sink, self.dashboard):
                if each.process and each.process.poll() is not None:
                    log.info("a service has ended: %s", each.log(1))
                    each.start(wait=0)
            await asyncio.sleep(0.5)

    def end(self) -> None:
        for each in self._started:
            if each.process and each.process.poll() is None:
                each.kill()

    def post(self) -> bool:
        """Whether the collector took an event."""
        body = json.dumps({"event_type": "click", "event_data": {"element": "logo"}}).encode()
        headers = {"Content-Type": "application/json", "Footfall-Key": KEY}
        url = f"http://127.0.0.1:{self.collector.port}/api/analytics/collect"
        try:
            urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=8).close()
        except OSError:
            return False
        return True

    def rows(self) -> int:
        with psycopg.connect(self.dsn) as connection:
            (count,) = connection.execute("select count(*) from raw_events").fetchone() or (0,)
        return int(count)


async def until(what: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(what):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    started = KafkaBroker(tmp_path_factory.mktemp("broker"))
    yield started
    started.end()


@pytest.fixture
def door(broker: KafkaBroker) -> Iterator[Proxy]:
    """The address by which everybody knows Kafka."""
    opened = Proxy(broker.port)
    yield opened
    opened.stop()


@pytest.fixture
async def installation(
    broker: KafkaBroker, door: Proxy, postgres: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    await create_missing(KafkaSettings(kafka_bootstrap=broker.bootstrap))
    created = Installation(KafkaSettings(kafka_bootstrap=f"127.0.0.1:{door.port}"), postgres, tmp_path)
    try:
        await asyncio.to_thread(created.start)
        assert await asyncio.to_thread(created.post)
        # The same data behind the same door, at another address. The broker has limits from now on.
        limits = {"group_min_session_timeout_ms": 10_000, "group_max_size": 2}
        await asyncio.to_thread(broker.move, auto_create_topics_enable="true", **limits)
        door.target = broker.port
        yield created
    finally:
        created.end()


async def test_members(broker: KafkaBroker, installation: Installation, door: Proxy, kafka: str) -> None:
    moved = KafkaSettings(kafka_bootstrap=broker.bootstrap)

    async def assert_everybody_works() -> None:
        await until(installation.post)
        published = len(await read_all(moved.kafka_bootstrap, moved.name("events")))
        await until(lambda: installation.rows() == published)
        await assert_counts_equal_the_log(moved, seconds=90)

    supervisor = asyncio.create_task(installation.supervise())
    await assert_everybody_works()
    await until(lambda: installation.dashboard.metrics()["footfall_dashboard_connected"] == 1)
    supervisor.cancel()

    await assert_a_stranger_is_named(installation, moved)
    # The newer protocol, which the requests of the classic one do not show.
    await assert_a_stranger_is_named(installation, moved, **{"group.protocol": "consumer"})

    # Two with one instance id: the older one ends, and the younger one does the work.
    successors = (
        (installation.sink, installation.another_sink("next-sink", instance="sink")),
        (installation.stream, installation.another_stream("next-worker", instance="worker")),
    )
    for _older, younger in successors:
        younger.start(wait=0)
    for older, younger in successors:
        assert older.process
        assert await asyncio.to_thread(older.process.wait, 40) == EXIT_REPLACED, older.log()
        await asyncio.to_thread(younger.wait_until_ready, 40)
    await assert_everybody_works()

    # A session that the brokers do not allow, and one member too many, end with the reason.
    for short in (installation.another_sink("short", seconds=6), installation.another_stream("short", seconds=6)):
        short.start(wait=0)
        await assert_one_is_refused([short], "group.min.session.timeout.ms")
    for another, (_older, member) in zip(
        (installation.another_sink, installation.another_stream), successors, strict=True
    ):
        more = [another("second"), another("third")]
        for each in more:
            each.start(wait=0)
        # Whichever joins last.
        await assert_one_is_refused([member, *more], "group.max.size")
    await assert_nobody_creates_topics(installation, moved)
    # The address leads to another cluster: its offsets and keys mean nothing here.
    door.target = int(kafka.rpartition(":")[-1])
    broker.kill()
    finish_first = (installation.collector, installation.dashboard)
    for each in (*finish_first, installation.stream, installation.sink):
        assert each.process
        expected = -signal.SIGTERM if each in finish_first else EXIT_UNHEARD
        assert await asyncio.to_thread(each.process.wait, 60) == expected, each.log()
        assert " answers instead of " in each.log()


async def assert_a_stranger_is_named(installation: Installation, kafka: KafkaSettings, **protocol: str) -> None:
    """It takes partitions from the sink, commits what it reads, and leaves."""
    group = "footfall-sinks"
    options = {"bootstrap.servers": kafka.kafka_bootstrap, "group.id": group, "client.id": "a console"}
    guest = Consumer(options | protocol)
    guest.subscribe(["events"])
    try:
        await until(lambda: guest.poll(0.2) is not None or bool(guest.assignment()))
        mine = {each.partition for each in guest.assignment()}
        await write_everywhere(kafka)
        ends = {lag.partition: lag.end for lag in await current_lags(kafka, at(installation.dsn))}
        guest.commit(offsets=[TopicPartition("events", partition, ends[partition]) for partition in mine])
        lags = await current_lags(kafka, at(installation.dsn))
        assert {lag.partition for lag in lags if lag.reader == "sinks" and lag.records} >= mine
        await until(lambda: "a console at" in (installation.sink.unready_because() or ""))
        assert installation.sink.metrics()["footfall_sink_partitions"] == 12 - len(mine)
        (finding,) = check_members({group: await members(kafka, group, "events")})
        assert "a console at" in finding.message
    finally:
        guest.close()
    await until(installation.sink.is_ready)
    await until(lambda: all(lag.records == 0 for lag in asyncio.run(current_lags(kafka, at(installation.dsn)))))


async def assert_nobody_creates_topics(installation: Installation, kafka: KafkaSettings) -> None:
    """They ask for topics that do not exist, of brokers that would create them; then a job creates them."""
    services = (installation.collector, installation.stream, installation.sink)
    for each in services:
        if each.process and each.process.poll() is None:
            each.kill()
        each.set(topic_prefix="late-", group_session_timeout_seconds=SESSION_SECONDS)
        each.start(wait=0)
    for each in services:
        await until(lambda each=each: "events is missing" in (each.unready_because() or ""))  # type: ignore[misc] # bound
    async with admin_client(kafka) as admin:
        assert [name for name in await admin.list_topics() if name.startswith("late-")] == []
    late = KafkaSettings(kafka_bootstrap=kafka.kafka_bootstrap, topic_prefix="late-")
    assert {report.state for report in await create_missing(late)} == {"created"}
    for each in services:
        await until(each.is_ready)


async def write_everywhere(kafka: KafkaSettings) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.kafka_bootstrap) as producer:
        for partition in range(12):
            await producer.send_and_wait("events", encoded(event("click", now_ms())), partition=partition)


async def assert_one_is_refused(members: Sequence[Worker], reason: str) -> None:
    await until(lambda: any(member.process and member.process.poll() is not None for member in members), 40)
    (refused,) = (member for member in members if member.process and member.process.poll() is not None)
    assert refused.end() == EXIT_REFUSED, refused.log()
    assert reason in refused.log()
