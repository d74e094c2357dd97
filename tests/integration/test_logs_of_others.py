"""Logs as others leave them: with transactions, and of a topic that was recreated."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from service_kit.kafka import KafkaSettings
from stream_app.engine.log_check import EXIT_OTHER_LOG
from tests.support.events import encoded, event, now_ms
from tests.support.topics import live, recreate, write
from tests.support.workers import Worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

COUNTED = 'footfall_stream_events_total{outcome="counted"}'


@pytest.fixture
def counting(settings: KafkaSettings, tmp_path: Path) -> Iterator[Worker]:
    """A worker of the stream app that is not started yet."""
    worker = Worker(
        "stream_app",
        tmp_path / "stream.log",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        group_instance_id="stream-0",
        group_session_timeout_seconds=6,
    )
    yield worker
    if worker.process:
        worker.kill()


def clicks(count: int, at: int | None = None) -> list[bytes]:
    return [encoded(event("click", at or now_ms())) for _ in range(count)]


def measured(worker: Worker) -> dict[str, float]:
    """Its metrics, with gauges of now: a probe sets them."""
    worker.is_ready()
    return worker.metrics()


async def transaction(producer: AIOKafkaProducer, topic: str, count: int, *, commit: bool) -> None:
    await producer.begin_transaction()
    for value in clicks(count):
        await producer.send(topic, value, partition=3)
    await (producer.commit_transaction() if commit else producer.abort_transaction())


async def until(met: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not met() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    return met()


async def test_transactions_of_others_leave_no_gap_and_what_they_abort_counts_nowhere(
    settings: KafkaSettings, counting: Worker
) -> None:
    topic = settings.name("events")
    await asyncio.to_thread(counting.start)
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, transactional_id=settings.topic_prefix)
    async with producer:
        for commit in (True, False, True, False):
            await transaction(producer, topic, 10, commit=commit)
        # Behind the last record are records that were aborted, and markers.
        assert await until(lambda: measured(counting)["footfall_stream_lag_records"] == 0)
        assert measured(counting)[COUNTED] == 20
        await producer.begin_transaction()
        await producer.send_and_wait(topic, clicks(1)[0], partition=3)
        await write(settings.kafka_bootstrap, topic, [(None, value) for value in clicks(4)], partition=3)
        waiting = "footfall_stream_uncommitted_records"
        assert await until(lambda: measured(counting)[waiting] == 5)
        assert measured(counting)[COUNTED] == 20
        await producer.abort_transaction()
    assert await until(lambda: measured(counting)["footfall_stream_lag_records"] == 0)
    found = measured(counting)
    assert (found[COUNTED], found[waiting]) == (24, 0)
    assert found["footfall_stream_gaps_refetched_total"] == 0
    assert found["footfall_stream_records_lost_to_retention_total"] == 0


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
