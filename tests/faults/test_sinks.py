"""A sink is killed or frozen at every point of the code, and scaled up and down, while events arrive.

No event is lost or lands twice, according to `footfall audit` and to a recount that shares no code with it.
`make faults-sinks` kills two hundred times.
"""

import asyncio
import logging
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from avro_schemas import topic
from service_kit.kafka.settings import KafkaSettings
from tests.support.landing import assert_nothing_lost_or_double, load, query, until_landed
from tests.support.topics import read_all, write
from tests.support.workers import Worker, sinks_worker

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("FAULT_KILLS", "0"))

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(180 + 20 * KILLS)]

# Every point between two effects. The number says at which call the process is killed.
POINTS = [
    ("sinks.postgres.offsets:Offsets.claim", "before", 1),
    ("sinks.postgres.offsets:Offsets.claim", "after", 1),
    ("sinks.postgres.insert:Inserter.insert", "before", 1),
    ("psycopg:Copy.write_row", "before", 150),  # in the middle of a COPY
    ("sinks.postgres.insert:Inserter._merge", "before", 1),
    ("sinks.postgres.insert:Inserter._merge", "after", 1),
    ("sinks.postgres.offsets:Offsets.move", "before", 1),
    ("sinks.postgres.offsets:Offsets.move", "after", 1),
    ("psycopg.transaction:Transaction.__exit__", "after", 3),
    ("sinks.landing.kafka_source:KafkaSource.report_progress", "before", 1),
    ("sinks.landing.kafka_source:KafkaSource.report_progress", "after", 1),
    ("sinks.landing.loop:Landing._read", "after", 2),
    ("sinks.dead_letters.outbox:Outbox.mark_published", "before", 1),
]


@pytest.fixture
def sinks(settings: KafkaSettings, postgres: str, tmp_path: Path) -> Iterator[list[Worker]]:
    """Three processes that are not started yet; all end with the test."""
    made = [
        # Some of these records are not events, on purpose.
        sinks_worker(settings, postgres, tmp_path, number, batch_rows=200, accept_dead_letters=True)
        for number in range(3)
    ]
    yield made
    for worker in made:
        if worker.process:
            log.info("the end of its log: %s", worker.log(15))
        if worker.process and worker.process.poll() is None:
            worker.process.send_signal(signal.SIGCONT)
            worker.kill()


async def some(settings: KafkaSettings, seed: int, count: int = 300) -> None:
    """Events, some of them twice, in one batch or in several; and a record that is not an event."""
    records = load(count, seed)
    chance = random.Random(seed)
    again = chance.sample(records, 20)
    await write(settings.kafka_bootstrap, settings.name("events"), [*records, *again, (None, b"rubbish")])


async def until_killed(worker: Worker, seconds: float = 40) -> None:
    assert worker.process
    deadline = time.monotonic() + seconds
    while worker.process.poll() is None:
        assert time.monotonic() < deadline, worker.log()
        await asyncio.sleep(0.02)
    assert worker.process.returncode == -signal.SIGKILL, worker.log()


async def test_nothing_is_lost_or_lands_twice_if_a_sink_is_killed_at_each_point_in_turn(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    """At every second point in a short run."""
    await some(settings, seed=0)
    for number, point in enumerate(POINTS if KILLS else POINTS[::2]):
        sinks[0].start(wait=0, die=point)
        await some(settings, seed=number + 1)
        await until_killed(sinks[0])
        log.info("killed %s %s", point[1], point[0])
    await asyncio.to_thread(sinks[0].start)
    await assert_nothing_lost_or_double(settings, postgres)
    rejected = await read_all(settings.kafka_bootstrap, settings.name(topic.EVENTS_REJECTED))
    assert len(rejected) > query(postgres, "select count(*) from dead_letters")[0][0]  # killed before it was noted
    assert query(postgres, "select count(*) from dead_letters where published_at is null") == [(0,)]


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(("psycopg:Copy.write_row", "before", 150, "SIGSTOP"), id="in the middle of a COPY"),
        pytest.param(("sinks.postgres.offsets:Offsets.move", "after", 1, "SIGSTOP"), id="with the offsets moved"),
    ],
)
async def test_a_sink_frozen_in_a_transaction_delays_nobody_and_writes_nothing_when_it_wakes_up(
    settings: KafkaSettings, sinks: list[Worker], postgres: str, point: tuple[str, str, int, str]
) -> None:
    if not KILLS and "write_row" in point[0]:
        pytest.skip("takes as long as a group session: make faults-sinks")
    await some(settings, seed=1)
    sinks[0].start(wait=0, die=point)
    await until_frozen(postgres)
    frozen = time.monotonic()
    await asyncio.to_thread(sinks[1].start, wait=60)
    while not sinks[1].metrics().get("footfall_sink_partitions"):
        await asyncio.sleep(0.1)
    assigned = time.monotonic()
    await until_landed(settings, postgres)
    # Its successor has ended the transaction, unless Postgres had after ten seconds, before there was a successor.
    assert await ended_by_another(postgres) or assigned - frozen > 8
    assert sinks[0].process
    sinks[0].process.send_signal(signal.SIGCONT)
    await some(settings, seed=2)
    await assert_nothing_lost_or_double(settings, postgres)


async def ended_by_another(dsn: str) -> bool:
    """Whether a session was ended by another one, and not by Postgres itself; it is counted a moment later."""
    counted = "select sessions_killed from pg_stat_database where datname = current_database()"
    for _try in range(20):
        if query(dsn, counted) != [(0,)]:
            return True
        await asyncio.sleep(0.1)
    return False


async def until_frozen(dsn: str) -> None:
    """Until a transaction of the sinks has been open for a second."""
    held = (
        "select count(*) from pg_stat_activity where application_name = 'footfall-sinks'"
        " and xact_start < now() - interval '1 second'"
    )
    async with asyncio.timeout(40):
        while query(dsn, held) == [(0,)]:
            await asyncio.sleep(0.1)


async def test_a_write_ends_within_two_seconds_when_partitions_are_revoked(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    await asyncio.to_thread(sinks[0].start)
    with psycopg.connect(postgres) as blocking:
        blocking.execute("lock table landed in access exclusive mode")
        await some(settings, seed=1)
        await until_frozen(postgres)
        await asyncio.to_thread(sinks[1].start, wait=0)
        async with asyncio.timeout(40):
            while not sinks[0].metrics()["footfall_sink_revoke_seconds_count"]:
                await asyncio.sleep(0.1)
        assert sinks[0].metrics()["footfall_sink_revoke_seconds_sum"] < 2
    await assert_nothing_lost_or_double(settings, postgres)


@pytest.mark.skipif(not KILLS, reason="takes half an hour: make faults-sinks")
async def test_hundreds_of_kills_at_random_points_while_processes_come_and_go(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    seed = int(os.environ.get("FAULT_SEED", time.time()))
    log.info("FAULT_SEED=%d", seed)
    chance = random.Random(seed)
    kills = 0
    while kills < KILLS:
        victims = [sinks[0], *(other for other in sinks[1:] if chance.random() < 0.3)]
        for victim in victims:
            function, when, _number = chance.choice(POINTS[2:])
            victim.start(wait=0, die=(function, when, chance.randrange(1, 400 if "write_row" in function else 4)))
        await some(settings, seed + kills, count=chance.randrange(50, 800))
        await asyncio.sleep(chance.uniform(0, 1))
        kills += await end_all(settings, victims, seed + kills)
        if kills % 20 < len(victims):
            log.info("%d kills", kills)
            await asyncio.to_thread(sinks[0].start)
            await assert_nothing_lost_or_double(settings, postgres, seconds=120)
            sinks[0].kill()
            kills += 1
    await asyncio.to_thread(sinks[0].start)
    await assert_nothing_lost_or_double(settings, postgres, seconds=120)
    log.info("%d kills; nothing was lost or landed twice; audit and recount agree", kills)


async def end_all(settings: KafkaSettings, victims: list[Worker], seed: int) -> int:
    """Wait until each has died at its point. Those that do not reach it are killed wherever they are."""
    deadline = time.monotonic() + 8
    while alive := [victim for victim in victims if victim.process and victim.process.poll() is None]:
        if time.monotonic() > deadline:
            for victim in alive:
                victim.kill()
        await some(settings, -seed - 1, count=50)
        await asyncio.sleep(0.3)
    for victim in victims:
        assert victim.process
        assert victim.process.returncode == -signal.SIGKILL, victim.log()
    return len(victims)
