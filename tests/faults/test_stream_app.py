"""Workers and broker are killed, stopped, frozen, added and removed, in any order, while events flow.

After every few rounds all that the stream app emits is compared with a recount of the topic. `make faults` runs a
hundred rounds, and shows that simpler ways fail: the app without its gate and check, and a plain `+= 1`.
"""

import asyncio
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer

from avro_schemas.record_key import record_key
from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings
from tests.support.kafka_brokers import KafkaBroker
from tests.support.plain_stream_app import CHANGELOG
from tests.support.topics import read_all
from tests.support.traffic import assert_counts_equal_the_log, load
from tests.support.workers import Worker

log = logging.getLogger(__name__)

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "6"))
SESSION_SECONDS = 6
FROZEN = 75

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(120 + 60 * ROUNDS)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    started = KafkaBroker(tmp_path)
    yield started
    started.end()


@pytest.fixture
async def cluster(broker: KafkaBroker) -> KafkaSettings:
    created = KafkaSettings(kafka_bootstrap=broker.bootstrap)
    await create_missing(created)
    return created


class Traffic:
    """Events from a client that waits for Kafka as long as it takes; each is written once."""

    def __init__(self, cluster: KafkaSettings, seed: int, pause: float = 0.2) -> None:
        settings = {"bootstrap.servers": cluster.kafka_bootstrap, "enable.idempotence": True, "log_level": 0}
        self._producer = Producer(settings)
        self._seed, self._pause = seed, pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()
        assert self._producer.flush(60) == 0

    def _write(self) -> None:
        for number in range(10**9):
            if self._stopped.is_set():
                return
            for key, value in load(100, seed=self._seed * 1_000_000 + number):
                self._producer.produce("events", value, record_key(key))
            self._producer.poll(0)
            self._stopped.wait(self._pause)


class WorkerPool:
    """Up to three workers; those in `running` are restarted as Kubernetes would."""

    def __init__(self, cluster: KafkaSettings, folder: Path, module: str = "stream_app") -> None:
        self._workers = [
            Worker(
                module,
                folder / f"worker-{number}.log",
                kafka_bootstrap=cluster.kafka_bootstrap,
                group_session_timeout_seconds=SESSION_SECONDS,
                group_instance_id=f"worker-{number}",
            )
            for number in range(3)
        ]
        self.running: list[Worker] = []
        self._ended = threading.Event()
        self._supervisor = threading.Thread(target=self.supervise, daemon=True)
        self._supervisor.start()

    def add(self) -> None:
        worker = next(worker for worker in self._workers if worker not in self.running)
        worker.start(wait=0)
        self.running.append(worker)

    def wait_until_ready(self) -> None:
        """Wait until all workers in `running` are ready."""
        deadline = time.monotonic() + 180
        while not all(worker.is_ready() for worker in self.running):
            if time.monotonic() > deadline:
                pytest.fail("\n".join(f"{worker.unready_because()}\n{worker.log()}" for worker in self.running))
            time.sleep(0.2)

    def supervise(self) -> None:
        """Start workers that exit, for whatever reason, and restart those that say that they are dead."""
        while not self._ended.wait(0.2):
            for worker in self.running:
                if worker.process and worker.process.poll() is None and worker.says_that_it_is_dead():
                    log.info("a worker says that it is dead")
                    worker.kill()
                if worker.process and worker.process.poll() is not None:
                    worker.start(wait=0)

    def end(self) -> None:
        self._ended.set()
        self._supervisor.join()
        for worker in self._workers:
            if worker.process and worker.process.poll() is None:
                worker.kill()


@pytest.fixture
def pool(cluster: KafkaSettings, tmp_path: Path) -> Iterator[WorkerPool]:
    created = WorkerPool(cluster, tmp_path)
    yield created
    created.end()


class Faults:
    """What may happen, one method per fault."""

    def __init__(self, pool: WorkerPool, broker: KafkaBroker, chance: random.Random) -> None:
        self._pool, self._broker, self._chance = pool, broker, chance

    @property
    def _victim(self) -> Worker:
        return self._chance.choice(self._pool.running)

    def kill(self) -> None:
        self._victim.kill()

    def stop(self) -> None:
        # On a busy machine it may have been without CPU for so long that it must not write any more.
        assert self._victim.end(signal.SIGTERM, seconds=40) in (0, FROZEN)

    def freeze(self) -> None:
        process = self._victim.process
        assert process
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5 * SESSION_SECONDS)
        process.send_signal(signal.SIGCONT)
        # It must not write: others own its partitions by now.
        assert process.wait(40) == FROZEN

    def add_or_remove(self) -> None:
        if len(self._pool.running) < 3:
            self._pool.add()
        else:
            self._pool.running.pop(0).end(seconds=40)

    def kill_broker(self) -> None:
        self._broker.kill()
        time.sleep(self._chance.uniform(0, 3))
        self._broker.start()

    def stop_broker(self) -> None:
        self._broker.stop()
        self._broker.start()


LONG_ONLY = pytest.mark.skipif(ROUNDS < 100, reason="takes minutes: make faults")


async def test_what_is_emitted_equals_the_topic_after_every_fault(
    cluster: KafkaSettings, broker: KafkaBroker, pool: WorkerPool
) -> None:
    seed = int(os.environ.get("FAULT_SEED", time.time()))
    log.info("FAULT_SEED=%d", seed)
    chance = random.Random(seed)
    faults = Faults(pool, broker, chance)
    kinds = [faults.kill, faults.stop, faults.freeze, faults.add_or_remove, faults.kill_broker, faults.stop_broker]
    await asyncio.to_thread(pool.add)
    await asyncio.to_thread(pool.wait_until_ready)
    for number in range(ROUNDS):
        # A short run has every kind once.
        fault = kinds[number % len(kinds)] if number < len(kinds) else chance.choice(kinds)
        with Traffic(cluster, seed + number):
            await asyncio.sleep(chance.uniform(0.3, 2))
            await asyncio.to_thread(fault)
            await asyncio.to_thread(pool.wait_until_ready)
            await asyncio.sleep(chance.uniform(0, 1))
        log.info("round %d: %s, %d workers", number + 1, fault.__name__, len(pool.running))
        if number == ROUNDS - 1 or number % 4 == 3:
            await assert_counts_equal_the_log(cluster, seconds=90)


@LONG_ONLY
async def test_without_gate_and_check_the_counts_go_wrong(cluster: KafkaSettings, tmp_path: Path) -> None:
    pool = WorkerPool(cluster, tmp_path, "tests.support.unguarded_stream_app")
    try:
        for _worker in range(2):
            await asyncio.to_thread(pool.add)
        await asyncio.to_thread(pool.wait_until_ready)
        with pytest.raises(AssertionError):
            for number in range(20):
                with Traffic(cluster, number, pause=0):
                    await asyncio.to_thread(pool.running[number % 2].kill)
                    await asyncio.to_thread(pool.wait_until_ready)
                    await asyncio.sleep(1)
                await assert_counts_equal_the_log(cluster, seconds=15)
    finally:
        pool.end()


async def wait_until_counting(cluster: KafkaSettings, within: float) -> None:
    """Wait until the plain app counts: it takes a while to start."""
    async with asyncio.timeout(within), AIOKafkaConsumer(bootstrap_servers=cluster.kafka_bootstrap) as consumer:
        while CHANGELOG not in await consumer.topics():
            await asyncio.sleep(1)


@LONG_ONLY
async def test_a_plain_count_goes_wrong(cluster: KafkaSettings) -> None:
    run = [sys.executable, "-m", "tests.support.plain_stream_app", cluster.kafka_bootstrap]
    for number in range(4):
        process = await asyncio.create_subprocess_exec(*run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with Traffic(cluster, number):
            await wait_until_counting(cluster, within=60)
            await asyncio.sleep(12)
        if number == 3:
            await asyncio.sleep(15)  # nothing is written any more; the rest is counted
        process.kill()
        await process.wait()
    newest = {r.partition: int(r.value) for r in await read_all(cluster.kafka_bootstrap, CHANGELOG)}
    # It continued from the last commit, with counts that included later events.
    assert sum(newest.values()) > len(await read_all(cluster.kafka_bootstrap, "events"))
