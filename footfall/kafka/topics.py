"""Topics on a cluster: created from their descriptions, and compared with them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from avro_schemas.topic import (
    CORRECTIONS,
    EVENTS,
    EVENTS_REJECTED,
    LIVE_AGGREGATES,
    STREAM_STATE,
    USER_RATES,
    Topic,
    all_topics,
)
from service_kit.kafka.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class ExistingTopic:
    """A topic on the cluster. `config` is as the broker reports it, defaults included."""

    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicReport:
    """The state of a topic: `created`, `as described`, `missing` or `differs`, and how it differs."""

    topic: str
    state: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicOptions:
    """What depends on the cluster rather than on the topic. None leaves it as the topic is described."""

    partitions: int | None = None
    replication_factor: int = 1
    min_insync_replicas: int | None = None

    def applied_to(self, topic: Topic) -> Topic:
        """The topic as it should be on this cluster."""
        config = {"min.insync.replicas": str(self.min_insync_replicas)} if self.min_insync_replicas else {}
        return replace(topic, partitions=self.partitions or topic.partitions, config={**topic.config, **config})


AS_DESCRIBED = TopicOptions()
_CO_PARTITIONED = (STREAM_STATE, LIVE_AGGREGATES, USER_RATES, CORRECTIONS)


def is_co_partitioned(name: str) -> bool:
    """Whether a topic needs as many partitions as `events`: its records belong to the partition of that number."""
    return name in _CO_PARTITIONED or (name.startswith(f"{EVENTS}-") and name != EVENTS_REJECTED)


def differences(described: Topic, existing: ExistingTopic) -> list[str]:
    """How a topic on the cluster differs from its description. More partitions than described are usually fine."""
    differs = []
    exact = is_co_partitioned(described.name)
    if existing.partitions < described.partitions or (exact and existing.partitions != described.partitions):
        differs.append(f"partitions: {existing.partitions} instead of {described.partitions}")
    for name, value in described.config.items():
        actual = existing.config.get(name, "")
        if set(actual.split(",")) != set(value.split(",")):
            differs.append(f"{name}: {actual or 'not set'} instead of {value}")
    return differs


async def check_topics(
    settings: KafkaSettings, options: TopicOptions = AS_DESCRIBED, event_topics: Sequence[str] = ()
) -> list[TopicReport]:
    """Compare every topic with its description; change nothing."""
    expected = expected_topics(options, event_topics)
    async with _admin(settings) as admin:
        return _compare(expected, await _find(admin, settings, expected))


async def existing_topics(settings: KafkaSettings, event_topics: Sequence[str] = ()) -> dict[str, ExistingTopic]:
    """The topics that exist, by the name in their description."""
    async with _admin(settings) as admin:
        return await _find(admin, settings, expected_topics(event_topics=event_topics))


async def create_missing(
    settings: KafkaSettings, options: TopicOptions = AS_DESCRIBED, event_topics: Sequence[str] = ()
) -> list[TopicReport]:
    """Create the topics that are missing and compare the others with their descriptions.

    An existing topic is never changed: more partitions would move keys, shorter retention would lose data.
    """
    expected = expected_topics(options, event_topics)
    async with _admin(settings) as admin:
        existing = await _find(admin, settings, expected)
        missing = [topic for topic in as_many_as_events(expected, existing) if topic.name not in existing]
        if missing:
            await _create(admin, settings, missing, options.replication_factor)
        return [
            TopicReport(report.topic, "created") if report.state == "missing" else report
            for report in _compare(expected, existing)
        ]


def expected_topics(options: TopicOptions = AS_DESCRIBED, event_topics: Sequence[str] = ()) -> Mapping[str, Topic]:
    """Every topic that an installation with these topics of single event types should have, by name."""
    return {name: options.applied_to(topic) for name, topic in all_topics(event_topics).items()}


def as_many_as_events(expected: Mapping[str, Topic], existing: Mapping[str, ExistingTopic]) -> list[Topic]:
    """The expected topics; co-partitioned ones with as many partitions as `events` has on the cluster."""
    partitions = (existing.get(EVENTS) or expected[EVENTS]).partitions
    return [
        replace(topic, partitions=partitions) if is_co_partitioned(topic.name) else topic
        for topic in expected.values()
    ]


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**settings.client_options(), client_id="footfall-topics")
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def _create(admin: Any, settings: KafkaSettings, missing: list[Topic], replication_factor: int) -> None:
    new = [
        NewTopic(settings.name(topic.name), topic.partitions, replication_factor, topic_configs=dict(topic.config))
        for topic in missing
    ]
    response = await admin.create_topics(new)
    for name, code, message in response.topic_errors:
        # Another process may create it at the same time.
        if code not in (NoError.errno, TopicAlreadyExistsError.errno):
            raise for_code(code)(f"{name}: {message}")


async def _find(admin: Any, settings: KafkaSettings, expected: Mapping[str, Topic]) -> dict[str, ExistingTopic]:
    names = {settings.name(name): name for name in expected}
    existing = names.keys() & set(await admin.list_topics())
    if not existing:
        return {}
    partitions = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(list(existing))}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in existing]
    configs: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for _code, _message, _kind, name, entries in response.resources:
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return {
        names[name]: ExistingTopic(len(partitions[name]), len(partitions[name][0]["replicas"]), configs[name])
        for name in existing
    }


def _compare(expected: Mapping[str, Topic], existing: Mapping[str, ExistingTopic]) -> list[TopicReport]:
    reports = []
    for topic in as_many_as_events(expected, existing):
        if topic.name not in existing:
            reports.append(TopicReport(topic.name, "missing"))
        elif differs := differences(topic, existing[topic.name]):
            reports.append(TopicReport(topic.name, "differs", tuple(differs)))
        else:
            reports.append(TopicReport(topic.name, "as described"))
    return reports
