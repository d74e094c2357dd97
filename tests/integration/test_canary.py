"""The canary goes through a real collector; it reports how long it took, or where it failed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from footfall.doctor.postgres import check_postgres
from service_kit.kafka.settings import KafkaSettings
from sinks.postgres.migrations import migrate
from tests.support.database import at
from tests.support.landing import query
from tests.support.workers import Worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

KEY = "a key of thirty-two characters or more"


@pytest.fixture
def collector(settings: KafkaSettings, tmp_path: Path) -> Iterator[Worker]:
    made = Worker(
        "producer_api",
        tmp_path / "collector.log",
        port="PORT",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        hash_key="a hash key for tests",
        session_key="a session key of thirty-two characters",
        backend_keys=f"canary={KEY}",
        host="127.0.0.1",
    )
    yield made
    if made.process:
        made.kill()


@pytest.fixture
def sink(settings: KafkaSettings, postgres: str, collector: Worker, tmp_path: Path) -> Iterator[Worker]:
    made = Worker(
        "sinks",
        tmp_path / "sinks.log",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        postgres_dsn=postgres,
        canary_url=f"http://127.0.0.1:{collector.port}",
        canary_key=KEY,
        canary_interval_seconds=1,
    )
    yield made
    if made.process:
        made.kill()


async def until(sink: Worker, metric: str) -> float:
    async with asyncio.timeout(60):
        while not (found := sink.metrics().get(metric, 0.0)):
            await asyncio.sleep(0.1)
    return found


async def test_the_canary_is_timed_from_the_collector_to_its_row(
    collector: Worker, sink: Worker, postgres: str
) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        migrate(connection)
    await asyncio.to_thread(collector.start)
    await asyncio.to_thread(sink.start)
    assert await until(sink, "footfall_canary_seconds_count") >= 1
    assert sink.metrics()["footfall_canary_landed_timestamp_seconds"] > 0
    # It has a type of its own and neither user nor session, so no visitor is counted.
    rows = query(postgres, "select distinct event_type, user_key, session_key from events")
    assert rows == [("footfall_canary", None, None)]
    (found,) = [each for each in check_postgres(at(postgres)) if each.part == "canary"]
    assert (found.state, "landed" in found.message or "on its way" in found.message) == ("ok", True)

    collector.kill()
    await until(sink, 'footfall_canary_failures_total{stage="collector"}')
    sink.kill()
    (found,) = [each for each in check_postgres(at(postgres)) if each.part == "canary"]
    assert found.state == "fail"
    assert "the collector did not accept it" in found.message
