"""The topics, as the YAML files beside this module describe them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

import yaml

from avro_schemas.schema import FOLDER, for_event

EVENTS = "events"
EVENTS_REJECTED = "events-rejected"
USER_RATES = "user-rates"
LIVE_AGGREGATES = "live-aggregates"
ERASURES = "erasures"
STREAM_STATE = "footfall-stream-app-state-changelog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What a topic is for, and how it must be set up. `config` is in the broker's words."""

    name: str
    description: str
    owner: str
    key: str
    schemas: tuple[str, ...]
    partitions: int
    config: Mapping[str, str]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]


@cache
def topics() -> Mapping[str, Topic]:
    """Every topic, by its name."""
    files = sorted((FOLDER / "topics").glob("*.yaml"))
    described = (_topic(path.stem, yaml.safe_load(path.read_text())) for path in files)
    return MappingProxyType({topic.name: topic for topic in described})


def of_type(event_type: str) -> Topic:
    """The topic on demand for a team that wants one event type only: copied out of `events`, and as that is."""
    events = topics()[EVENTS]
    return replace(
        events,
        name=f"{EVENTS}-{event_type}",
        description=f"The events of type {event_type}, copied out of {EVENTS}: same order, key, headers and time.",
        schemas=(for_event(event_type).name,),
        # The time of a copy is the append time of its original.
        config=MappingProxyType({**events.config, "message.timestamp.type": "CreateTime"}),
        producers=("stream_app",),
        consumers=("subscribers",),
    )


def described(event_types: Iterable[str] = ()) -> Mapping[str, Topic]:
    """Every topic, by its name, with those on demand for these event types."""
    return {**topics(), **{topic.name: topic for topic in map(of_type, event_types)}}


def _topic(name: str, described: dict[str, Any]) -> Topic:
    return Topic(
        name=name,
        description=described["description"],
        owner=described["owner"],
        key=described["key"],
        schemas=tuple(described["schemas"]),
        partitions=described["partitions"],
        config=MappingProxyType({key: str(value) for key, value in described["config"].items()}),
        producers=tuple(described["producers"]),
        consumers=tuple(described["consumers"]),
    )
