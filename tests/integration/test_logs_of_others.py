"""Logs as others leave them: with transactions, of a topic that was recreated, and of a day that nobody counted."""

import asyncio
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from avro_schemas.wire.codec import decode
from footfall.kafka.topic_changes import Change, apply
from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import admin_client
from sinks.audit import audit
from stream_app.engine.log_check import EXIT_OTHER_LOG
from tests.support.events import encoded, event, now_ms
from tests.support.expected_aggregates import expected_windows
from tests.support.kafka_brokers import KafkaBroker
from tests.support.landing import query, until_landed
from tests.support.topics import live, read_all, recreate, write
from tests.support.workers import Worker, sinks_worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

COUNTED = 'footfall_stream_events_total{outcome="counted"}'


def stream_worker(settings: KafkaSettings, folder: Path) -> Worker:
    return Worker(
        "stream_app",
        folder / "stream.log",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        group_instance_id="stream-0",
        group_session_timeout_seconds=6,
    )


@pytest.fixture
def counting(settings: KafkaSettings, tmp_path: Path) -> Iterator[Worker]:
    """A worker of the stream app that is not started yet."""
    worker = stream_worker(settings, tmp_path)
    yield worker
    if worker.process:
        worker.kill()


@pytest.fixture
def landing(settings: KafkaSettings, postgres: str, tmp_path: Path) -> Iterator[Worker]:
    """A process of the sinks that is not started yet."""
    worker = sinks_worker(settings, postgres, tmp_path)
    yield worker
    if worker.process:
        worker.kill()


def clicks(count: int, at: int | None = None) -> list[bytes]:
    return [encoded(event("click", at or now_ms())) for _ in range(count)]


def measured(worker: Worker) -> dict[str, float]:
    """Its metrics, with gauges of now: a probe sets them."""
    worker.is_ready()
    return worker.metrics()


def counted(worker: Worker) -> float:
    """Events that it has counted since its start."""
    try:
        return worker.metrics().get(COUNTED, 0)
    except OSError:
        return 0


async def transaction(producer: AIOKafkaProducer, topic: str, count: int, *, commit: bool) -> None:
    await producer.begin_transaction()
    for value in clicks(count):
        await producer.send(topic, value, partition=3)
    await (producer.commit_transaction() if commit else producer.abort_transaction())


def cut_in_half(folder: Path) -> None:
    """The log of the partition in which everything is."""
    (segment,) = folder.rglob("events-3/*.log")
    with segment.open("r+b") as file:
        file.truncate(segment.stat().st_size // 2)


async def until(met: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not met() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    return met()


async def test_transactions_of_others_leave_no_gap_and_what_they_abort_counts_nowhere(
    settings: KafkaSettings, counting: Worker, landing: Worker, postgres: str
) -> None:
    topic = settings.name("events")
    for worker in (counting, landing):
        worker.start(wait=0)
    for worker in (counting, landing):
        await asyncio.to_thread(worker.wait_until_ready, 60)
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, transactional_id=settings.topic_prefix)
    async with producer:
        for commit in (True, False, True, False):
            await transaction(producer, topic, 10, commit=commit)
        # A commit is answered before its marker is written: until then, nothing lags behind it.
        assert await until(lambda: counted(counting) == 20)
        # Behind the last record are records that were aborted, and markers.
        assert await until(lambda: measured(counting)["footfall_stream_lag_records"] == 0)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, clicks(1)[0], partition=3)
        await write(settings.kafka_bootstrap, topic, [(None, value) for value in clicks(4)], partition=3)
        waiting = "footfall_stream_uncommitted_records"
        assert await until(lambda: measured(counting)[waiting] == 5)
        assert measured(counting)[COUNTED] == 20
        assert await until(lambda: landing.metrics()["footfall_sink_uncommitted_records"] == 5)
        await producer.abort_transaction()
    assert await until(lambda: counted(counting) == 24)
    assert await until(lambda: measured(counting)["footfall_stream_lag_records"] == 0)
    found = measured(counting)
    assert (found[COUNTED], found[waiting]) == (24, 0)
    assert found["footfall_stream_gaps_refetched_total"] == 0
    assert found["footfall_stream_records_lost_to_retention_total"] == 0
    landed = "select sum(next_offset) from sink_offsets"
    assert await until(lambda: query(postgres, landed) == [(50,)])
    assert await until(lambda: landing.metrics()["footfall_sink_lag_records"] == 0)
    with psycopg.connect(postgres, autocommit=True) as connection:
        report = audit(connection)
    assert report.mismatches() == []
    accounts = [(each.next, each.rows, each.empty) for each in report.partitions if each.next]
    # Aborted records, and a marker of each transaction.
    assert accounts == [(50, 24, 26)]


@pytest.mark.skipif("DAYS" not in os.environ, reason="takes a while: make days")
@pytest.mark.timeout(400)
async def test_after_a_day_away_every_window_is_emitted_and_right_and_none_is_late(
    settings: KafkaSettings, counting: Worker
) -> None:
    topic, bootstrap = settings.name("events"), settings.kafka_bootstrap
    async with admin_client(settings) as admin:
        # So that a record can be a day old. The worker says that it is not ready, and counts.
        await apply(admin, settings, [Change("events", (("message.timestamp.type", "CreateTime"),))])
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        written = 1
        while (await producer.send_and_wait(topic, clicks(1)[0], partition=0)).timestamp_type != 0:
            written += 1

    async def minutes(first: int, last: int) -> None:
        """An event in each of these minutes, counted from a day and an hour ago."""
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20) as producer:
            for at in (start + minute * 60_000 for minute in range(first, last)):
                await producer.send(topic, clicks(1, at)[0], partition=3, timestamp_ms=at)

    start = now_ms() - 25 * 3_600_000
    await minutes(0, 20)
    counting.start(wait=0)
    assert await until(lambda: counted(counting) == written + 20, 60), counting.log()
    counting.kill()
    await minutes(20, 25 * 60)
    counting.start(wait=0)
    # What it had counted and not written is counted again.
    assert await until(lambda: counted(counting) >= 25 * 60 - 20, 240), counting.log()
    assert await until(lambda: measured(counting)["footfall_stream_lag_records"] == 0, 60), counting.log()
    await asyncio.to_thread(counting.end)

    read = await read_all(bootstrap, topic)
    expected = expected_windows(sorted(read, key=lambda record: (record.partition, record.offset)))
    assert expected["outcome", 0, 0]["late"] == 0
    newest = {}
    for record in await read_all(bootstrap, settings.name("live-aggregates")):
        if record.value is not None:  # else the window has expired since
            newest[record.key] = decode(record.value)[1]
    emitted: dict[tuple[str, int, int], Counter[str]] = defaultdict(Counter)
    for partial in newest.values():
        window = partial["dimension"], partial["window_seconds"], partial["window_start"]
        emitted[window].update(partial["counts"])
    windows = [window for window in expected if window[1] != 10]
    assert len(windows) > 25 * 60
    assert {window: emitted.get(window) for window in windows} == {window: expected[window] for window in windows}


async def test_a_worker_stops_when_events_was_recreated_until_a_person_lets_it_go_on(
    settings: KafkaSettings, counting: Worker
) -> None:
    topic = settings.name("events")
    await asyncio.to_thread(counting.start)
    await write(settings.kafka_bootstrap, topic, [(None, value) for value in clicks(20)], partition=3)
    assert await until(lambda: counting.metrics().get(COUNTED) == 20)
    await asyncio.to_thread(counting.end)
    await recreate(settings)
    # More than before, so the offset exists: only the id of the topic tells that it is another topic.
    await write(settings.kafka_bootstrap, topic, [(None, value) for value in clicks(50)], partition=3)
    for _start in range(2):
        counting.start(wait=0)
        assert counting.process
        assert await asyncio.to_thread(counting.process.wait, 30) == EXIT_OTHER_LOG, counting.log()
        assert "FOOTFALL_ACCEPT_NEW_TOPIC" in counting.log()
    counting.set(accept_new_topic=True)
    await asyncio.to_thread(counting.start)
    assert await until(lambda: counting.metrics().get(COUNTED) == 50)
    counting.set(accept_new_topic=False)
    await asyncio.to_thread(counting.end)
    await asyncio.to_thread(counting.start)
    emitted = await live(settings.kafka_bootstrap, settings.name("live-aggregates"))
    assert emitted["total", 0, 0] == {"click": 70}
    # While it runs, too.
    await recreate(settings)
    assert counting.process
    assert await asyncio.to_thread(counting.process.wait, 40) == EXIT_OTHER_LOG, counting.log()


@pytest.mark.timeout(300)
async def test_a_log_that_lost_its_end_and_grew_past_it_stops_both_readers(postgres: str, tmp_path: Path) -> None:
    """A power cut: the broker had acknowledged what its disk had not."""
    broker = KafkaBroker(tmp_path / "broker")
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap)
    await create_missing(settings)
    counting, landing = stream_worker(settings, tmp_path), sinks_worker(settings, postgres, tmp_path)
    workers = (counting, landing)
    try:
        for value in clicks(20):
            await write(settings.kafka_bootstrap, "events", [(None, value)], partition=3)
        for worker in workers:
            worker.start(wait=0)
        for worker in workers:
            await asyncio.to_thread(worker.wait_until_ready, 60)
        await until_landed(settings, postgres, seconds=60)
        assert await until(lambda: measured(counting).get("footfall_stream_lag_records") == 0, 60)
        for worker in workers:
            await asyncio.to_thread(worker.end)
        broker.kill()
        cut_in_half(tmp_path)
        broker.start()
        await write(settings.kafka_bootstrap, "events", [(None, value) for value in clicks(60)], partition=3)
        for _start in range(2):
            for worker in workers:
                worker.start(wait=0)
            ended = [await asyncio.to_thread(worker.process.wait, 60) for worker in workers if worker.process]
            assert ended == [EXIT_OTHER_LOG, 70], counting.log() + landing.log()
            for worker in workers:
                assert "Kafka lost the records from" in worker.log()
        counting.set(accept_new_topic=True)
        await asyncio.to_thread(counting.start)
        assert await until(lambda: counting.metrics().get(COUNTED) == 60)
    finally:
        for worker in workers:
            if worker.process:
                worker.kill()
        broker.end()
