"""What topics are like on the cluster: their partitions, replicas and configuration."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError, for_code

from service_kit.kafka.settings import KafkaSettings

_MISSING = UnknownTopicOrPartitionError.errno
_FORBIDDEN = TopicAuthorizationFailedError.errno


@dataclass(frozen=True, slots=True)
class ExistingTopic:
    """A topic on the cluster. `config` is as the broker reports it, defaults included; None if we may not ask."""

    partitions: int
    replication_factor: int
    config: Mapping[str, str] | None

    @property
    def is_visible(self) -> bool:
        """Whether we may know anything of it: who may read or write a topic may see it, too."""
        return self.partitions > 0


_HIDDEN = ExistingTopic(0, 0, None)


@asynccontextmanager
async def admin_client(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client for the time of a few requests."""
    client = AIOKafkaAdminClient(**kafka.client_options(), client_id="footfall-topics")
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def describe_topics(kafka: KafkaSettings, names: Iterable[str]) -> dict[str, ExistingTopic]:
    """Those of these topics that exist or that we may not see, by their names without the cluster's prefix.

    Raise KafkaError if Kafka does not answer.
    """
    async with admin_client(kafka) as admin:
        return await find_topics(admin, kafka, names)


async def find_topics(admin: Any, kafka: KafkaSettings, names: Iterable[str]) -> dict[str, ExistingTopic]:
    """As `describe_topics`, with a client that is there."""
    own = {kafka.name(name): name for name in names}
    found, hidden = {}, {}
    for topic in await admin.describe_topics(list(own)):
        if code := topic["error_code"]:
            error = for_code(code)
            if code == _MISSING:
                continue
            if code == _FORBIDDEN:
                hidden[own[topic["topic"]]] = _HIDDEN
                continue
            # One that was just created has no leaders for a moment; its partitions are known.
            if not error.retriable or not topic["partitions"]:
                raise error(topic["topic"])
        found[topic["topic"]] = topic["partitions"]
    configs = await _configs(admin, found) if found else {}
    return hidden | {
        own[name]: ExistingTopic(len(partitions), len(partitions[0]["replicas"]), configs[name])
        for name, partitions in found.items()
        if name in configs
    }


async def _configs(admin: Any, names: Iterable[str]) -> dict[str, dict[str, str] | None]:
    configs: dict[str, dict[str, str] | None] = {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    for response in await admin.describe_configs(resources):
        for code, message, _kind, name, entries in response.resources:
            if code == _MISSING:
                continue  # it was deleted in between
            if code not in (0, _FORBIDDEN):
                raise for_code(code)(f"{name}: {message}")
            configs[name] = None if code else {entry[0]: entry[1] for entry in entries if entry[1] is not None}
    return configs
