"""The stream app with a real broker: whatever is killed, the counts equal the log."""

import asyncio
import signal
import time
import urllib.error
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from avro_schemas.record_key import record_key
from avro_schemas.wire.codec import Undecodable, decode
from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings
from stream_app.engine.checkpoint import EXIT_FAILED, EXIT_FROZEN
from tests.support.events import encoded, event, now_ms, user_key
from tests.support.topics import read_all, write
from tests.support.traffic import assert_counts_equal_the_log, load
from tests.support.workers import Worker

WRITES_POSITION = "stream_app.engine.checkpoint:Checkpoints._write_values"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def worker(settings: KafkaSettings, log: Path, module: str = "stream_app", **changes: object) -> Worker:
    """A worker that is not started yet."""
    return Worker(
        module,
        log,
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        **({"group_instance_id": log.stem, "group_session_timeout_seconds": 6} | changes),
    )


@pytest.fixture
def workers(settings: KafkaSettings, tmp_path: Path) -> Iterator[list[Worker]]:
    """Two workers that are not started yet; they are killed after the test."""
    created = [worker(settings, tmp_path / f"worker-{number}.log") for number in range(2)]
    yield created
    for each in created:
        if each.process:
            each.kill()


@pytest.fixture
async def end_traffic(settings: KafkaSettings) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Writes events until this is called, which returns when the last one is written."""
    stop = asyncio.Event()

    async def write_until_stopped() -> None:
        number = 0
        while not stop.is_set():
            await write(settings.kafka_bootstrap, settings.name("events"), load(200, seed=number))
            number += 1
            await asyncio.sleep(0.3)

    task = asyncio.create_task(write_until_stopped())

    async def end() -> None:
        stop.set()
        await task

    yield end
    await end()


async def test_counts_stay_exact_when_the_worker_is_killed_under_load(
    settings: KafkaSettings, workers: list[Worker], end_traffic: Callable[[], Awaitable[None]]
) -> None:
    worker = workers[0]
    for how in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        await asyncio.to_thread(worker.start)
        await asyncio.sleep(1.5)
        await asyncio.to_thread(worker.end, how)
    await asyncio.to_thread(worker.start)
    await end_traffic()
    await assert_counts_equal_the_log(settings)
    assert worker.metrics()["footfall_stream_records_lost_to_retention_total"] == 0


async def test_a_log_that_holds_values_which_no_bin_can_hold_is_counted_on(
    settings: KafkaSettings, workers: list[Worker]
) -> None:
    """As it may have been written before the values were bounded."""
    values = (1.79e308, -1.79e308, 1.7832509485263733e308)
    odd = [event("web_vital", now_ms(), event_data={"metric": "LCP x", "value": value}) for value in values]
    records = [(None, encoded(fields)) for fields in odd]
    await write(settings.kafka_bootstrap, settings.name("events"), [*records, *load(50, seed=1)])
    await asyncio.to_thread(workers[0].start)
    await assert_counts_equal_the_log(settings)


async def test_an_assignment_without_the_state_is_returned_and_not_taken_for_work(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    """A group instance id gives the assignment of a worker to its next start, whatever that subscribes to."""
    changes = {"group_instance_id": "worker", "group_session_timeout_seconds": 40}
    hasty = worker(settings, tmp_path / "hasty.log", "tests.support.hasty_stream_app", **changes)
    hasty.start(wait=0)
    assert hasty.process
    assert await asyncio.to_thread(hasty.process.wait, 30) == 0
    next_start = worker(settings, tmp_path / "next.log", **changes)
    next_start.start(wait=0)
    try:
        assert next_start.process
        assert await asyncio.to_thread(next_start.process.wait, 40) == EXIT_FROZEN, next_start.log()
        assert "are assigned without their state" in next_start.log()
        await asyncio.to_thread(next_start.start)
        await write(settings.kafka_bootstrap, settings.name("events"), load(100, seed=1))
        await assert_counts_equal_the_log(settings)
    finally:
        next_start.kill()


async def test_two_workers_share_the_partitions_and_one_takes_over_when_the_other_dies(
    settings: KafkaSettings, workers: list[Worker], end_traffic: Callable[[], Awaitable[None]]
) -> None:
    first, second = workers
    await asyncio.to_thread(first.start)
    await asyncio.to_thread(second.start)
    await asyncio.sleep(1)
    first.kill()
    await asyncio.sleep(1)
    await end_traffic()
    await assert_counts_equal_the_log(settings, seconds=30)


async def test_records_lost_between_fetching_and_folding_are_fetched_again_although_nothing_follows(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    forgetful = worker(settings, tmp_path / "worker.log", "tests.support.forgetful_stream_app")
    await asyncio.to_thread(forgetful.start)
    try:
        await write(settings.kafka_bootstrap, settings.name("events"), load(100, seed=1))
        await assert_counts_equal_the_log(settings)
        assert forgetful.metrics()["footfall_stream_gaps_refetched_total"] > 0
    finally:
        forgetful.kill()


async def test_a_rolling_restart_moves_no_partitions(
    settings: KafkaSettings, tmp_path: Path, end_traffic: Callable[[], Awaitable[None]]
) -> None:
    """A worker with an instance id gets its own partitions back, and the others continue."""
    pair = [
        worker(settings, tmp_path / f"worker-{number}.log", group_session_timeout_seconds=40)
        for number in range(2)
    ]
    try:
        for each in pair:
            await asyncio.to_thread(each.start)
        await asyncio.to_thread(wait_until_shared, pair)
        recovered = "footfall_stream_recoveries_total"
        for restarted, other in ((0, 1), (1, 0)):
            before = pair[other].metrics()[recovered]
            assert await asyncio.to_thread(pair[restarted].end, seconds=40) == 0
            await asyncio.to_thread(pair[restarted].start)
            assert pair[other].metrics()[recovered] == before
            assert [each.metrics()["footfall_stream_partitions"] for each in pair] == [6, 6]
        await end_traffic()
        await assert_counts_equal_the_log(settings, seconds=60)
    finally:
        for each in pair:
            if each.process:
                each.kill()


def wait_until_shared(pair: list[Worker]) -> None:
    deadline = time.monotonic() + 60
    while [each.metrics().get("footfall_stream_partitions") for each in pair] != [6, 6]:
        assert time.monotonic() < deadline, "".join(each.log() for each in pair)
        time.sleep(0.2)


async def test_a_fetch_that_began_before_a_rebalance_takes_nothing_from_the_recovery_after_it(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    """It would wait for these records for ever: of the first worker, which keeps half of its partitions."""
    pair = [
        worker(settings, tmp_path / f"worker-{number}.log", "tests.support.slow_recovery_stream_app")
        for number in range(2)
    ]
    try:
        await write(settings.kafka_bootstrap, settings.name("events"), load(200, seed=1))
        await asyncio.to_thread(pair[0].start)
        await assert_counts_equal_the_log(settings, seconds=30)
        await asyncio.to_thread(pair[1].start)
        await asyncio.to_thread(wait_until_shared, pair)
        await write(settings.kafka_bootstrap, settings.name("events"), load(200, seed=2))
        await assert_counts_equal_the_log(settings, seconds=30)
    finally:
        for each in pair:
            if each.process:
                each.kill()


async def test_a_user_who_reaches_the_limit_gets_a_verdict_in_user_rates(
    settings: KafkaSettings, workers: list[Worker]
) -> None:
    await asyncio.to_thread(workers[0].start)
    ann, bob = user_key("ann"), user_key("bob")
    records = [(ann, encoded(event("click", now_ms()))) for _ in range(101)] + [
        (bob, encoded(event("click", now_ms())))
    ] * 3
    await write(settings.kafka_bootstrap, settings.name("events"), records)
    verdicts = []
    for _ in range(40):
        rates = await read_all(settings.kafka_bootstrap, settings.name("user-rates"))
        verdicts = [decode(rate.value)[1] for rate in rates]
        if verdicts:
            break
        await asyncio.sleep(0.25)
    assert {verdict["user_key"] for verdict in verdicts} == {ann.hex()}
    verdict = verdicts[-1]
    assert verdict["events"] >= 100
    assert 40_000 < verdict["blocked_until"] - verdict["measured_at"] <= 60_000


async def test_the_state_pages_show_positions_and_the_events_of_a_user(
    settings: KafkaSettings, workers: list[Worker]
) -> None:
    await asyncio.to_thread(workers[0].start)
    ann = user_key("ann")
    await write(settings.kafka_bootstrap, settings.name("events"), [(ann, encoded(event("click", now_ms())))] * 3)
    await assert_counts_equal_the_log(settings)
    state = workers[0].get("/state")
    assert state["ready"]
    assert len(state["partitions"]) == 12
    counted = [each for each in state["partitions"].values() if each["outcomes"]["counted"]]
    assert [(each["durable"], each["minute"], each["outcomes"]["duplicate"]) for each in counted] == [
        (3, {"click": 1}, 2)
    ]
    assert workers[0].get(f"/state/users/{ann.hex()}")["events"] == 1
    with pytest.raises(urllib.error.HTTPError, match="404") as unknown:
        workers[0].get("/state/users/nobody")
    unknown.value.close()


async def test_each_event_of_a_type_with_a_topic_of_its_own_is_copied_once(
    settings: KafkaSettings, workers: list[Worker], tmp_path: Path
) -> None:
    """In order and unchanged, also if workers are killed when copies are published and the position is not."""
    reports = await create_missing(settings, event_topics=["page_view"])
    assert [report.topic for report in reports if report.state == "created"] == ["events-page_view"]
    workers[0] = copier = worker(settings, tmp_path / "copier.log", event_topics="page_view")
    for number, deadly_call in enumerate((1, 4, 9)):
        await asyncio.to_thread(copier.start, die=(WRITES_POSITION, "before", deadly_call))
        await write_numbered(settings, load(400, seed=number))
        await asyncio.to_thread(until_killed, copier)
    await asyncio.to_thread(copier.start)
    await assert_counts_equal_the_log(settings)
    originals = [r for r in await read_all(settings.kafka_bootstrap, settings.name("events")) if is_page_view(r)]
    copies = await read_all(settings.kafka_bootstrap, settings.name("events-page_view"))
    assert [seen(copy) for copy in in_order(copies)] == [seen(r, r.offset) for r in in_order(originals)]


async def test_a_type_whose_topic_is_missing_ends_the_worker_with_the_reason(
    settings: KafkaSettings, workers: list[Worker], tmp_path: Path
) -> None:
    workers[0] = copier = worker(settings, tmp_path / "copier.log", event_topics="click")
    copier.start(wait=0)
    await write(settings.kafka_bootstrap, settings.name("events"), load(10, seed=1))
    assert copier.process
    assert await asyncio.to_thread(copier.process.wait, 60) == EXIT_FAILED
    assert "events-click has no partition" in copier.log()


async def write_numbered(settings: KafkaSettings, records: Iterable[tuple[bytes | None, bytes]]) -> None:
    """Publish records, each with a header of its own."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap) as producer:
        for number, (key, value) in enumerate(records):
            headers = [("number", str(number).encode())]
            await producer.send(settings.name("events"), value, record_key(key), headers=headers)


def until_killed(victim: Worker) -> None:
    assert victim.process
    assert victim.process.wait(30) == -signal.SIGKILL, victim.log()


def is_page_view(record: ConsumerRecord) -> bool:
    try:
        return decode(record.value)[0].name == "page_view"
    except Undecodable:
        return False


def in_order(records: Iterable[ConsumerRecord]) -> list[ConsumerRecord]:
    return sorted(records, key=lambda record: (record.partition, record.offset))


def seen(record: ConsumerRecord, source_offset: int | None = None) -> tuple[Any, ...]:
    """Everything that subscribers see of a record; of an original with the header that its copy has."""
    source = () if source_offset is None else (("source_offset", str(source_offset).encode()),)
    return record.partition, record.key, record.value, record.timestamp, (*record.headers, *source)


async def test_a_clean_stop_leaves_nothing_to_read_again(settings: KafkaSettings, workers: list[Worker]) -> None:
    first = workers[0]
    await asyncio.to_thread(first.start)
    await write(settings.kafka_bootstrap, settings.name("events"), load(500, seed=1))
    await assert_counts_equal_the_log(settings)
    assert await asyncio.to_thread(first.end) == 0
    await asyncio.to_thread(first.start)
    await asyncio.sleep(1)
    assert first.metrics().get('footfall_stream_events_total{outcome="counted"}', 0) == 0
    await assert_counts_equal_the_log(settings)
