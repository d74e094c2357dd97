"""A collector with a real broker, for fuzzing."""

import asyncio
import itertools
import time
from collections.abc import Iterator

import jwt
import pytest

from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings
from tests.support.workers import Worker

KEY = "a session key of thirty-two characters"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def collector(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    cluster = KafkaSettings(kafka_bootstrap=kafka, topic_prefix=f"fuzz{next(_numbers)}-")
    asyncio.run(create_missing(cluster))
    worker = Worker(
        "producer_api",
        tmp_path_factory.mktemp("fuzz") / "collector.log",
        port="PORT",
        kafka_bootstrap=kafka,
        topic_prefix=cluster.topic_prefix,
        hash_key="a hash key for tests",
        session_key=KEY,
        host="127.0.0.1",
        events_per_minute=10**9,
        events_per_minute_per_address=10**9,
        log_level="WARNING",
    )
    worker.start()
    yield worker
    worker.end()


@pytest.fixture(scope="module")
def session() -> dict[str, str]:
    token = jwt.encode({"sub": "fuzz", "exp": time.time() + 6 * 3600}, KEY)
    return {"authorization": f"Bearer {token}"}
