"""The topics, as the YAML files in `topics/` describe them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any

import yaml

from avro_schemas.contract import FOLDER
from avro_schemas.schema import CUSTOM, event_schema, typed_events

EVENTS = "events"
EVENTS_REJECTED = "events-rejected"
USER_RATES = "user-rates"
LIVE_AGGREGATES = "live-aggregates"
ERASURES = "erasures"
CORRECTIONS = "corrections"
IDENTITIES = "identities"
VISITS = "visits"
STREAM_STATE = "footfall-stream-app-state-changelog"

# The Kafka headers of every event: CloudEvents in binary mode. Never one in which deserializers look for a schema
# id: the prefix of the value has it.
EVENT_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "ce_specversion": "1.0: the version of CloudEvents.",
        "ce_id": "The event id, as in the value.",
        "ce_type": "The event type, as in the value: filter on it before decoding.",
        "ce_source": "/api/analytics/collect.",
        "ce_time": "When it happened, as occurred_at in the value: RFC 3339 in UTC, with milliseconds.",
        "ce_subject": "The page it happened on, as in the value; missing without a page.",
        "ce_dataschema": "footfall:/schemas/ids/ and the id: the path of the schema in the registry.",
        "content-type": "application/vnd.confluent.avro: five bytes of prefix, then Avro.",
        "traceparent": "W3C trace context, where the request had one.",
    }
)
# A copy in `events-TYPE` has one header more.
SOURCE_OFFSET = "source_offset"
COPY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        **EVENT_HEADERS,
        SOURCE_OFFSET: "Offset of the original in events, in the partition of the same number: decimal digits.",
    }
)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A service that reads a topic, with its consumer group if it uses one."""

    service: str
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What a topic is for, and how it must be configured. `config` uses the broker's names."""

    name: str
    description: str
    owner: str
    key: str
    schemas: tuple[str, ...]
    partitions: int
    config: Mapping[str, str]
    # What of `config` services rely on, and why: without it they are not ready.
    required: Mapping[str, str]
    # The largest record that we write there, with its headers; None if it is small.
    max_record_bytes: int | None = None
    # Whether it needs as many partitions as `events`: the stream app writes to the number that it read.
    co_partitioned: bool = False
    producers: tuple[str, ...]
    consumers: tuple[Consumer, ...]
    # The meaning of each header of its records.
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def consumer_groups(self) -> dict[str, str]:
        """The consumer group of each service that reads the topic with one."""
        return {consumer.service: consumer.group for consumer in self.consumers if consumer.group}


def all_topics(event_types: Iterable[str] = ()) -> Mapping[str, Topic]:
    """Every topic by its name, with the topics on demand of these event types."""
    return MappingProxyType(
        {**_described(), **{topic.name: topic for topic in map(event_type_topic, event_types)}}
    )


def used_by(service: str, event_types: Iterable[str] = ()) -> Mapping[str, Topic]:
    """The topics that a service reads or writes, as far as it depends on them: the size only where it writes."""
    used = {}
    for name, topic in all_topics(event_types).items():
        if service in topic.producers:
            used[name] = topic
        elif any(consumer.service == service for consumer in topic.consumers):
            used[name] = replace(topic, max_record_bytes=None)
    return used


def named(name: str) -> Topic:
    """The topic of this name."""
    return _described()[name]


def event_type_topic(event_type: str) -> Topic:
    """The topic on demand of one event type: the stream app copies its events there, out of `events`."""
    events = named(EVENTS)
    return replace(
        events,
        name=f"{EVENTS}-{event_type}",
        description=(
            f"The events of type {event_type}, copied out of {EVENTS}: each once, with the partition, key, value, "
            "headers and time of its original, in the same order."
        ),
        schemas=(event_schema(event_type).name,),
        # A copy has the append time of its original.
        config=MappingProxyType({**events.config, "message.timestamp.type": "CreateTime"}),
        required=MappingProxyType(
            {**events.required, "message.timestamp.type": "copies have the append time of their originals"}
        ),
        co_partitioned=True,
        producers=("stream_app",),
        # It reads the end to know which copies are there.
        consumers=(Consumer("stream_app"), Consumer("subscribers")),
        headers=COPY_HEADERS,
    )


@cache
def _described() -> Mapping[str, Topic]:
    files = sorted((FOLDER / "topics").glob("*.yaml"))
    return MappingProxyType({file.stem: _topic(file.stem, yaml.safe_load(file.read_text())) for file in files})


def _topic(name: str, description: dict[str, Any]) -> Topic:
    return Topic(
        name=name,
        description=description["description"],
        owner=description["owner"],
        key=description["key"],
        schemas=_schemas(description["schemas"]),
        partitions=description["partitions"],
        config=MappingProxyType({key: str(value) for key, value in description["config"].items()}),
        required=MappingProxyType(description.get("required", {})),
        max_record_bytes=description.get("max_record_bytes"),
        co_partitioned=description.get("co_partitioned", False),
        producers=tuple(description["producers"]),
        consumers=tuple(
            Consumer(**entry) if isinstance(entry, dict) else Consumer(entry) for entry in description["consumers"]
        ),
        headers=EVENT_HEADERS if name == EVENTS else {},
    )


def _schemas(described: str | list[str]) -> tuple[str, ...]:
    """The names of the schemas that a topic has: those that are listed, or all of events."""
    return (*typed_events(), CUSTOM) if described == "events" else tuple(described)
