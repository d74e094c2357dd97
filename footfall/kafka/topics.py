"""Topics on a cluster: created from their descriptions, compared with them, and mended where services need it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from avro_schemas.topic import EVENTS, Topic, all_topics
from footfall.kafka.topic_changes import Change, apply, never_written, plan, settled
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import ExistingTopic, admin_client, describe_topics, find_topics
from service_kit.kafka.topic_faults import TopicFault, judge, unchecked

MISSING, FAULTY, DIFFERS = "missing", "faulty", "differs"


@dataclass(frozen=True, slots=True)
class TopicReport:
    """The state of a topic: `created`, `as described`, `missing`, `faulty` or `differs`.

    `faults` keep services from ready; `differences` may be on purpose; `changes` were made, or would be;
    `unchecked` says what the cluster does not report.
    """

    topic: str
    state: str
    faults: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    unchecked: str = ""


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


async def check_topics(
    settings: KafkaSettings, options: TopicOptions = AS_DESCRIBED, event_topics: Sequence[str] = ()
) -> list[TopicReport]:
    """Compare every topic with its description; change nothing, and say what `create_missing` would change."""
    expected = expected_topics(options, event_topics)
    existing = await describe_topics(settings, expected)
    return compare(expected, existing, changes=await _plan(settings, options, expected, existing))


async def existing_topics(settings: KafkaSettings, event_topics: Sequence[str] = ()) -> dict[str, ExistingTopic]:
    """The topics that exist, by the name in their description."""
    return await describe_topics(settings, expected_topics(event_topics=event_topics))


async def create_missing(
    settings: KafkaSettings, options: TopicOptions = AS_DESCRIBED, event_topics: Sequence[str] = ()
) -> list[TopicReport]:
    """Create the topics that are missing, mend those that services must not work with, and compare all.

    Other differences stay as they are: more partitions would move keys, shorter retention would lose data.
    """
    expected = expected_topics(options, event_topics)
    async with admin_client(settings) as admin:
        existing = await find_topics(admin, settings, expected)
        missing = [topic for topic in expected.values() if topic.name not in existing]
        changes = await _plan(settings, options, expected, existing)
        if changes:
            await apply(admin, settings, changes)
            existing = dict(await settled(lambda: find_topics(admin, settings, expected), changes))
        if missing:
            new = as_many_as_events(missing, existing.get(EVENTS))
            await _create(admin, settings, new, options.replication_factor)
    return compare(expected, existing, created={topic.name for topic in missing}, changes=changes)


def expected_topics(options: TopicOptions = AS_DESCRIBED, event_topics: Sequence[str] = ()) -> Mapping[str, Topic]:
    """Every topic that an installation with these topics of single event types should have, by name."""
    return {name: options.applied_to(topic) for name, topic in all_topics(event_topics).items()}


def compare(
    expected: Mapping[str, Topic],
    existing: Mapping[str, ExistingTopic],
    *,
    created: Collection[str] = (),
    changes: Sequence[Change] = (),
) -> list[TopicReport]:
    """A report of each topic. Pure."""
    faults = judge(expected, existing, EVENTS)
    cannot = unchecked(expected, existing)
    reports = []
    for name in expected:
        own = [fault for fault in faults if fault.topic == name]
        vital = tuple(fault.sentence for fault in own if fault.vital and fault.kind != "missing")
        others = tuple(fault.sentence for fault in own if not fault.vital)
        state = "created" if name in created else _state(own)
        made = tuple(str(change) for change in changes if change.topic == name)
        reports.append(TopicReport(name, state, vital, others, made, cannot.get(name, "")))
    return reports


def _state(faults: Sequence[TopicFault]) -> str:
    if any(fault.kind == "missing" for fault in faults):
        return MISSING
    if any(fault.vital for fault in faults):
        return FAULTY
    return DIFFERS if faults else "as described"


def as_many_as_events(topics: Iterable[Topic], events: ExistingTopic | None) -> list[Topic]:
    """The topics; co-partitioned ones with as many partitions as `events` has on the cluster, if it is there."""
    if events is None or not events.is_visible:
        return list(topics)
    return [replace(each, partitions=events.partitions) if each.co_partitioned else each for each in topics]


async def _plan(
    settings: KafkaSettings,
    options: TopicOptions,
    expected: Mapping[str, Topic],
    existing: Mapping[str, ExistingTopic],
) -> list[Change]:
    matters = any(fault.partitions or fault.vital for fault in judge(expected, existing, EVENTS))
    empty = await never_written(settings, existing) if matters and existing else set()
    return plan(expected, existing, empty, grow=options.partitions is not None)


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
