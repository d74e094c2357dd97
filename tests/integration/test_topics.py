"""Topics are created on a real broker as they are described."""

import asyncio
from collections.abc import Collection

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from avro_schemas.topic import all_topics
from footfall.kafka.topics import TopicOptions, check_topics, create_missing, existing_topics
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import admin_client
from tests.support.topics import write

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


async def test_topics_that_others_made_are_mended_without_moving_or_deleting_anything(
    settings: KafkaSettings,
) -> None:
    """As a broker makes them by itself; `events-rejected` has a record already."""
    made = ("events", "erasures", "events-rejected", "footfall-stream-app-state-changelog")
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic(settings.name(name), 1, 1) for name in made])
        await until_there(settings, made)
        resource = [
            ConfigResource(ConfigResourceType.TOPIC, settings.name("events"), {"max.message.bytes": "2000000"})
        ]
        await admin.alter_configs(resource)
    await write(settings.kafka_bootstrap, settings.name("events-rejected"), [(b"key", b"value")])
    options = TopicOptions(partitions=6)

    async with asyncio.timeout(20):
        while ((await existing_topics(settings))["events"].config or {})["max.message.bytes"] != "2000000":
            await asyncio.sleep(0.1)
    would = {each.topic: each for each in await check_topics(settings, options)}
    assert would["events"].state == would["erasures"].state == "faulty"
    assert would["user-rates"].state == "missing"
    assert (await existing_topics(settings))["events"].partitions == 1, "a dry run changed something"

    mended = {each.topic: each for each in await create_missing(settings, options)}
    assert {name: each.changes for name, each in mended.items() if each.changes} == {
        name: each.changes for name, each in would.items() if each.changes
    }
    assert mended["events"].changes == (
        "partitions = 6",
        "segment.ms = 86400000, message.timestamp.type = LogAppendTime",
    )
    assert mended["events-rejected"].changes == ()
    found = await existing_topics(settings)
    assert {name: topic.partitions for name, topic in found.items()} == {
        name: 1 if name == "events-rejected" else 6 for name in found
    }
    assert (found["events"].config or {})["max.message.bytes"] == "2000000", "another setting was reset"
    left = {each.topic: each.state for each in await check_topics(settings, options)}
    assert left == dict.fromkeys(left, "as described") | {"events-rejected": "differs"}


async def until_there(settings: KafkaSettings, names: Collection[str]) -> None:
    """The broker's metadata has a new topic a moment later."""
    async with asyncio.timeout(20):
        while set(names) - (await existing_topics(settings)).keys():
            await asyncio.sleep(0.1)
