"""What mends topics that services must not work with, as far as it neither moves nor deletes anything."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

from avro_schemas.topic import EVENTS, Topic
from service_kit.kafka.consumer import new_consumer
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import ExistingTopic
from service_kit.kafka.topic_faults import judge

_TOPIC, _SET = 2, 0
_SETTLE_SECONDS, _SETTLE_ATTEMPTS = 0.1, 50


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one topic: its configuration, or its number of partitions."""

    topic: str
    config: tuple[tuple[str, str], ...] = ()
    partitions: int | None = None

    def __str__(self) -> str:
        if self.partitions:
            return f"partitions = {self.partitions}"
        return ", ".join(f"{key} = {value}" for key, value in self.config)


def plan(
    expected: Mapping[str, Topic],
    existing: Mapping[str, ExistingTopic],
    empty: Collection[str],
    *,
    grow: bool = False,
) -> list[Change]:
    """What mends the topics. Pure.

    Partitions are added only to topics that nothing was ever written to (`empty`): elsewhere that moves users to
    other partitions, and takes the steps of docs/operating.md. Where they need not agree, fewer than described may
    be on purpose: only if `grow`. A topic that nothing was written to and that is faulty was made by accident: it
    gets all that its description says.
    """
    added = _added(expected, existing, empty, {EVENTS}) if grow else []
    grown = dict(existing)
    for change in added:
        grown[change.topic] = replace(grown[change.topic], partitions=change.partitions or 0)
    others = {name for name, topic in expected.items() if topic.co_partitioned or grow} - {EVENTS}
    return [*added, *_added(expected, grown, empty, others), *_set(expected, existing, empty)]


def _set(
    expected: Mapping[str, Topic], existing: Mapping[str, ExistingTopic], empty: Collection[str]
) -> Iterator[Change]:
    faults = [fault for fault in judge(expected, existing, EVENTS) if fault.mend]
    for name in dict.fromkeys(fault.topic for fault in faults if fault.vital):
        own = [fault for fault in faults if fault.topic == name and (fault.vital or name in empty)]
        yield Change(name, tuple(setting for fault in own for setting in fault.mend))


def _added(
    expected: Mapping[str, Topic],
    existing: Mapping[str, ExistingTopic],
    empty: Collection[str],
    names: Collection[str],
) -> list[Change]:
    return [
        Change(fault.topic, partitions=fault.partitions)
        for fault in judge(expected, existing, EVENTS)
        if fault.topic in names
        and fault.topic in empty
        and (fault.partitions or 0) > existing[fault.topic].partitions
    ]


async def never_written(settings: KafkaSettings, existing: Mapping[str, ExistingTopic]) -> set[str]:
    """The topics that nothing was ever written to."""
    consumer = new_consumer(**settings.client_options(), enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(
            [
                TopicPartition(settings.name(name), partition)
                for name, found in existing.items()
                for partition in range(found.partitions)
            ]
        )
    finally:
        await consumer.stop()
    written = {tp.topic for tp, end in ends.items() if end}
    return {name for name in existing if settings.name(name) not in written}


async def apply(admin: Any, settings: KafkaSettings, changes: Sequence[Change]) -> None:
    """Make the changes. Raise KafkaError if the cluster refuses one."""
    added = {settings.name(each.topic): NewPartitions(each.partitions) for each in changes if each.partitions}
    if added:
        await admin.create_partitions(added)
    configs = [(_TOPIC, settings.name(each.topic), each.config) for each in changes if each.config]
    if configs:
        response = await admin._client.send(admin._client.get_random_node(), _AlterRequest(configs))
        for code, message, _kind, name in response.responses:
            if code:
                raise for_code(code)(f"{name}: {message}")


async def settled(describe: Any, changes: Sequence[Change]) -> Mapping[str, ExistingTopic]:
    """The topics, when brokers know the changes; after a while as they are then."""
    for _attempt in range(_SETTLE_ATTEMPTS):
        existing: Mapping[str, ExistingTopic] = await describe()
        if all(_is_made(change, existing.get(change.topic)) for change in changes):
            break
        await asyncio.sleep(_SETTLE_SECONDS)
    return existing


def _is_made(change: Change, found: ExistingTopic | None) -> bool:
    if found is None or (change.partitions or 0) > found.partitions:
        return False
    return all((found.config or {}).get(key) == value for key, value in change.config)


class _AlterResponse(Response):  # type: ignore[misc] # aiokafka has no types here
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _AlterRequestStruct(RequestStruct):  # type: ignore[misc] # as above
    """IncrementalAlterConfigs. What aiokafka has instead resets every setting that it does not name."""

    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _AlterResponse
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                ("configs", Array(("name", String("utf-8")), ("operation", Int8), ("value", String("utf-8")))),
            ),
        ),
        ("validate_only", Boolean),
    )


class _AlterRequest(Request[_AlterRequestStruct]):  # type: ignore[misc] # as above
    API_KEY = 44

    def __init__(self, configs: Sequence[tuple[int, str, Sequence[tuple[str, str]]]]) -> None:
        self._configs = configs

    def build(self, request_struct_class: type[_AlterRequestStruct]) -> _AlterRequestStruct:
        resources = [
            (kind, name, [(key, _SET, value) for key, value in config]) for kind, name, config in self._configs
        ]
        return request_struct_class(resources, False)
