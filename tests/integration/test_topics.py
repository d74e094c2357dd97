"""Topics are created on a real broker as they are described."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from avro_schemas.topic import all_topics
from footfall.kafka.topics import check_topics, create_missing, existing_topics
from service_kit.kafka.settings import KafkaSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap=kafka, topic_prefix=topic_prefix)


async def test_missing_topics_are_created_once_and_then_as_described(settings: KafkaSettings) -> None:
    assert {report.state for report in await check_topics(settings)} == {"missing"}
    assert {report.state for report in await create_missing(settings)} == {"created"}
    assert [(r.topic, r.state) for r in await create_missing(settings)] == [
        (name, "as described") for name in all_topics()
    ]


async def test_a_topic_that_differs_is_reported_and_left_alone(settings: KafkaSettings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(settings.name("erasures"), 2, 1)])
    finally:
        await admin.close()
    async with asyncio.timeout(20):
        while "erasures" not in await existing_topics(settings):
            await asyncio.sleep(0.1)  # the broker's metadata has a new topic a moment later
    await create_missing(settings)
    (report,) = [report for report in await check_topics(settings) if report.topic == "erasures"]
    assert report.state == "differs"
    assert report.differences == (
        "partitions: 2 instead of 12",
        "cleanup.policy: delete instead of compact",
    )
