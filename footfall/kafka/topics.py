"""Topics on a cluster: created as their descriptions say, and compared with them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from avro_schemas.topic import EVENTS, LIVE_AGGREGATES, STREAM_STATE, USER_RATES, Topic, all_topics
from service_kit.kafka import KafkaSettings
from service_kit.settings import load, setting


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it stands on the cluster. `config` is in the broker's words, defaults included."""

    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one topic: `created`, `as described`, `missing` or `differs`, and where it differs."""

    topic: str
    state: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemand:
    """Which topics there are beside those that always are."""

    event_topics: tuple[str, ...] = setting((), help="Event types with a topic of their own, `events-TYPE`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What depends on the cluster and not on the topic. `partitions`: None takes those of the descriptions."""

    partitions: int | None = None
    replication: int = 1
    min_insync: int | None = None

    def of(self, topic: Topic) -> Topic:
        """A topic as it should be on this cluster."""
        config = {"min.insync.replicas": str(self.min_insync)} if self.min_insync else {}
        return replace(topic, partitions=self.partitions or topic.partitions, config={**topic.config, **config})


AS_DESCRIBED = Layout()
# The stream app writes to the partition that it read from: they have as many as `events` has.
_LIKE_EVENTS = (STREAM_STATE, LIVE_AGGREGATES, USER_RATES)


def differences(described: Topic, found: Found) -> list[str]:
    """Where a topic on the cluster differs from its description, in words. Partitions may have been added."""
    differs = []
    exact = described.name in _LIKE_EVENTS
    if found.partitions < described.partitions or (exact and found.partitions != described.partitions):
        differs.append(f"partitions: {found.partitions} instead of {described.partitions}")
    for name, value in described.config.items():
        actual = found.config.get(name, "")
        if set(actual.split(",")) != set(value.split(",")):
            differs.append(f"{name}: {actual or 'not set'} instead of {value}")
    return differs


async def check(settings: KafkaSettings, layout: Layout = AS_DESCRIBED) -> list[Report]:
    """Compare every topic with its description; change nothing."""
    topics = wanted(layout)
    async with _admin(settings) as admin:
        return _compare(topics, await _find(admin, settings, topics))


async def find(settings: KafkaSettings) -> dict[str, Found]:
    """The topics that are there, by the name in their description."""
    async with _admin(settings) as admin:
        return await _find(admin, settings, wanted())


async def create_missing(settings: KafkaSettings, layout: Layout = AS_DESCRIBED) -> list[Report]:
    """Create the topics that are missing, then compare all with their descriptions.

    An existing topic is never changed: more partitions would move keys, less retention would lose data.
    """
    topics = wanted(layout)
    async with _admin(settings) as admin:
        found = await _find(admin, settings, topics)
        missing = [topic for topic in topics.values() if topic.name not in found]
        if missing:
            await _create(admin, settings, missing, layout.replication)
        reports = _compare(topics, found)
        created = {topic.name for topic in missing}
        return [Report(r.topic, "created") if r.topic in created else r for r in reports]


def wanted(layout: Layout = AS_DESCRIBED) -> Mapping[str, Topic]:
    """Every topic that this installation should have, by its name."""
    topics = all_topics(load(OnDemand, os.environ).event_topics)
    return {name: layout.of(topic) for name, topic in topics.items()}


def _admin(settings: KafkaSettings) -> "_Admin":
    return _Admin(settings)


class _Admin:
    """An admin client that is closed again whatever happens."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._client = AIOKafkaAdminClient(**settings.client_options(), client_id="footfall-topics")

    async def __aenter__(self) -> AIOKafkaAdminClient:
        await self._client.start()
        return self._client

    async def __aexit__(self, *exception: object) -> None:
        await self._client.close()


async def _create(admin: Any, settings: KafkaSettings, missing: list[Topic], replication: int) -> None:
    new = [
        NewTopic(settings.name(topic.name), topic.partitions, replication, topic_configs=dict(topic.config))
        for topic in missing
    ]
    answer = await admin.create_topics(new)
    for name, code, message in answer.topic_errors:
        # Somebody else may create it at the same moment.
        if code not in (NoError.errno, TopicAlreadyExistsError.errno):
            raise for_code(code)(f"{name}: {message}")


async def _find(admin: Any, settings: KafkaSettings, wanted: Mapping[str, Topic]) -> dict[str, Found]:
    names = {settings.name(name): name for name in wanted}
    existing = names.keys() & set(await admin.list_topics())
    if not existing:
        return {}
    partitions = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(list(existing))}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in existing]
    configs: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for _code, _message, _kind, name, entries in answer.resources:
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return {
        names[name]: Found(len(partitions[name]), len(partitions[name][0]["replicas"]), configs[name])
        for name in existing
    }


def _compare(wanted: Mapping[str, Topic], found: Mapping[str, Found]) -> list[Report]:
    reports = []
    for name, topic in wanted.items():
        if EVENTS in found and name in _LIKE_EVENTS:
            topic = replace(topic, partitions=found[EVENTS].partitions)
        if name not in found:
            reports.append(Report(name, "missing"))
        elif differs := differences(topic, found[name]):
            reports.append(Report(name, "differs", tuple(differs)))
        else:
            reports.append(Report(name, "as described"))
    return reports
