"""The stream app takes over what the sinks say, each word once, whatever is killed and whatever becomes of the topic."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings
from tests.support.plain_judge import publish_corrections, send_repeats
from tests.support.topics import write
from tests.support.traffic import assert_counts_equal_the_log, load
from tests.support.workers import Worker

CORRECTS = "stream_app.state.partition:PartitionState.correct"
WRITES = "stream_app.engine.checkpoint:Checkpoints._write_values"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


async def test_live_counts_equal_the_rows_of_a_judge_whatever_is_killed(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    worker = Worker(
        "stream_app",
        tmp_path / "worker.log",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        group_instance_id="worker",
        group_session_timeout_seconds=6,
    )
    try:
        await delete_corrections(settings)
        # It says that the topic is missing, and counts all the same.
        await asyncio.to_thread(worker.start, wait=0)
        await until(lambda: "corrections is missing" in (worker.unready_because() or ""), worker)
        await more_events(settings, 0)
        await until(lambda: uncertain(worker) > 20, worker)
        await until(lambda: "lacks the partitions" in worker.log(200), worker)
        await create_missing(settings)
        await until(worker.is_ready, worker)
        await write(settings.kafka_bootstrap, settings.name("corrections"), [(None, b"rubbish")] * 3, partition=0)
        rows = await publish_corrections(settings)
        await assert_counts_equal_the_log(settings, rows=rows)
        assert uncertain(worker) == 0
        assert worker.metrics()['footfall_stream_corrections_total{result="foreign"}'] == 3
        worker.kill()

        for seed, die in enumerate([(CORRECTS, "after", 5), (WRITES, "before", 17), (WRITES, "after", 17)], 1):
            await asyncio.to_thread(worker.start, wait=0, die=die)
            await more_events(settings, seed)
            await publish_corrections(settings)
            assert worker.process
            assert await asyncio.to_thread(worker.process.wait, 60) == -signal.SIGKILL, worker.log()
        await asyncio.to_thread(worker.start)
        rows = await publish_corrections(settings)
        await assert_counts_equal_the_log(settings, rows=rows)

        # A topic that was recreated has other corrections at the known offsets, and known ones at others.
        await delete_corrections(settings)
        await create_missing(settings)
        await more_events(settings, 9)
        rows = await publish_corrections(settings, first=20)
        await assert_counts_equal_the_log(settings, rows=rows, seconds=60)
        assert "is another log than before" in worker.log(200)
    finally:
        if worker.process:
            worker.kill()


async def more_events(settings: KafkaSettings, seed: int) -> None:
    await write(settings.kafka_bootstrap, settings.name("events"), load(100, seed=seed))
    await send_repeats(settings, seed)


async def delete_corrections(settings: KafkaSettings) -> None:
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        await admin.delete_topics([settings.name("corrections")])
        while settings.name("corrections") in await admin.list_topics():
            await asyncio.sleep(0.1)
    finally:
        await admin.close()


def uncertain(worker: Worker) -> float:
    worker.is_ready()  # a probe brings the gauges up to date
    return worker.metrics()["footfall_stream_uncertain_events"]


async def until(is_so: Callable[[], bool], worker: Worker, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, worker.log()
        await asyncio.sleep(0.2)
