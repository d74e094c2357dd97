"""A broker that lacks acknowledged records becomes the leader: both readers notice, and say what is gone.

`make faults-brokers` runs it: three processes of Kafka take most of a minute.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from footfall.cli import build
from footfall.kafka.topics import TopicOptions, create_missing
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_log import topic_identity
from stream_app.engine.log_check import EXIT_OTHER_LOG
from tests.support.events import encoded, event, now_ms
from tests.support.kafka_clusters import KafkaCluster
from tests.support.landing import query
from tests.support.topics import live, write
from tests.support.workers import Worker, sinks_worker

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not os.environ.get("FAULT_BROKERS"), reason="takes a minute: make faults-brokers"),
]

COUNTED = 'footfall_stream_events_total{outcome="counted"}'


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    started = KafkaCluster(tmp_path / "kafka")
    yield started
    started.end()


@pytest.fixture
def workers(cluster: KafkaCluster, postgres: str, tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    """The stream app and the sinks, not started yet."""
    settings = KafkaSettings(kafka_bootstrap=cluster.bootstrap)
    counting = Worker(
        "stream_app",
        tmp_path / "stream.log",
        kafka_bootstrap=cluster.bootstrap,
        group_instance_id="stream-0",
        group_session_timeout_seconds=6,
    )
    created = counting, sinks_worker(settings, postgres, tmp_path)
    yield created
    for worker in created:
        if worker.process:
            worker.kill()


async def test_a_leader_that_lacks_acknowledged_records_is_noticed_by_both_readers(
    cluster: KafkaCluster, workers: tuple[Worker, Worker], postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = KafkaSettings(kafka_bootstrap=cluster.bootstrap)
    await create_missing(settings, TopicOptions(partitions=1, replication_factor=2, min_insync_replicas=1))
    counting, landing = workers

    async def write_all(event_type: str, count: int) -> None:
        records = [(None, encoded(event(event_type, now_ms()))) for _ in range(count)]
        await write(cluster.bootstrap, "events", records)

    for worker in workers:
        worker.start(wait=0)
    for worker in workers:
        await asyncio.to_thread(worker.wait_until_ready, 90)
    await write_all("click", 20)
    await until(lambda: rows(postgres) == 20, landing)
    leader = (await topic_identity(settings, "events")).leaders[0]
    follower = 5 - leader
    cluster.kill(follower)
    # Acknowledged by all in-sync replicas, of which there is one.
    await write_all("click", 20)
    await until(lambda: rows(postgres) == 40, landing)
    await until(lambda: counting.metrics().get(COUNTED) == 40, counting)
    cluster.kill(leader)
    await asyncio.to_thread(cluster.start, follower)
    await write_all("scroll", 60)

    assert landing.process
    assert await asyncio.to_thread(landing.process.wait, 90) == 70, landing.log()
    assert "Kafka lost the records from offset 20 to 39" in landing.log(), landing.log()
    # It lasts: no restart goes on by itself, nor when the other broker is back, which has to follow.
    await asyncio.to_thread(cluster.start, leader)
    landing.start(wait=0)
    assert await asyncio.to_thread(landing.process.wait, 90) == 70, landing.log()
    assert rows(postgres) == 40
    monkeypatch.setenv("FOOTFALL_KAFKA_BOOTSTRAP", cluster.bootstrap)
    monkeypatch.setenv("FOOTFALL_POSTGRES_DSN", postgres)
    go_on = ("replay", "--partition", "0", "--from-offset", "20", "--execute")
    ran = await asyncio.to_thread(CliRunner().invoke, build("replay"), go_on)
    assert ran.exit_code == 0, ran.output
    landing.start(wait=0)
    await until(lambda: rows(postgres) == 100, landing)

    # The changelog has lost as much as the topic, or less. So the state is that of the log, or is stopped.
    stopped = await asyncio.to_thread(restarted_until_ready, counting)
    if stopped:
        assert "Kafka lost the records from 20" in counting.log()
        counting.set(accept_new_topic=True)
        await asyncio.to_thread(counting.start)
    expected = {"click": 40 if stopped else 20, "scroll": 60}
    await until(lambda: total(settings) == expected, counting)


def restarted_until_ready(worker: Worker) -> bool:
    """Start it again when it ends, as Kubernetes would; whether it stops until a person decides."""
    deadline = time.monotonic() + 120
    while not worker.is_ready():
        assert worker.process
        code = worker.process.poll()
        if code == EXIT_OTHER_LOG:
            return True
        if code is not None:
            worker.start(wait=0)
        assert time.monotonic() < deadline, worker.log()
        time.sleep(0.2)
    return False


def rows(dsn: str) -> int:
    return int(query(dsn, "select count(*) from raw_events")[0][0])


def total(settings: KafkaSettings) -> dict[str, int]:
    return asyncio.run(live(settings.kafka_bootstrap, "live-aggregates")).get(("total", 0, 0), {})


async def until(what: Callable[[], bool], worker: Worker, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if await asyncio.to_thread(what):
                return
        except OSError:
            pass  # it is starting
        assert time.monotonic() < deadline, worker.log()
        await asyncio.sleep(0.2)
