"""What services need of a cluster before they start."""

import pytest

from footfall.topics import create_missing
from service_kit.kafka import KafkaSettings


@pytest.fixture
async def settings(kafka: str, topic_prefix: str) -> KafkaSettings:
    """A real broker with all topics, under a prefix of the test's own."""
    made = KafkaSettings(kafka_bootstrap=kafka, topic_prefix=topic_prefix)
    await create_missing(made)
    return made
