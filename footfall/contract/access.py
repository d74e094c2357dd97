"""Access rules of the cluster, derived from the topic descriptions. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from avro_schemas.topic import all_topics

SERVICES = ("producer_api", "stream_app", "sinks", "dashboard", "footfall")
SUBSCRIBERS = "subscribers"
# The consumer group of a subscriber begins with this.
SUBSCRIBER_GROUP_PREFIX = "subscriber-"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a principal may do with a topic or group; if `prefixed`, with all whose names begin with `name`."""

    principal: str
    resource: str
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def rules(prefix: str = "", event_topics: Sequence[str] = ()) -> Iterator[Rule]:
    """Every rule. `prefix` is in front of all topic and group names of a shared cluster.

    `event_topics` are the event types that have a topic of their own.
    """
    for topic in all_topics(event_topics).values():
        name = prefix + topic.name
        for principal in topic.producers:
            yield Rule(principal, "topic", name, ("Write", "Describe", *_check(principal)))
        for consumer in topic.consumers:
            yield Rule(consumer.service, "topic", name, ("Read", "Describe", *_check(consumer.service)))
        # `footfall topics` creates what is missing and mends the rest; `tail`, `dead-letters` and `lag` read.
        operations = ("Create", "Alter", "AlterConfigs", "Describe", "DescribeConfigs", "Read")
        yield Rule("footfall", "topic", name, operations)
    # A service that reads several topics does so with one group.
    groups = {pair: None for topic in all_topics().values() for pair in topic.consumer_groups.items()}
    for principal, group in groups:
        yield Rule(principal, "group", prefix + group, ("Read", "Describe"))
        # `doctor`, `lag` and the dashboard read the committed offsets.
        yield Rule("footfall", "group", prefix + group, ("Describe",))
        yield Rule("dashboard", "group", prefix + group, ("Describe",))
    yield Rule(SUBSCRIBERS, "group", prefix + SUBSCRIBER_GROUP_PREFIX, ("Read", "Describe"), prefixed=True)


def _check(principal: str) -> tuple[str, ...]:
    """Those of our services that look whether topics are as they must be."""
    return ("DescribeConfigs",) if principal in ("producer_api", "stream_app", "sinks") else ()


def kafka_acls(prefix: str = "", event_topics: Sequence[str] = ()) -> list[str]:
    """Arguments of `kafka-acls` after `--bootstrap-server HOST:PORT`, one line per rule."""
    return [
        " ".join(
            [
                f"--add --allow-principal User:{_user(rule.principal)}",
                *(f"--operation {operation}" for operation in rule.operations),
                f"--{rule.resource} {rule.name}",
                f"--resource-pattern-type {'prefixed' if rule.prefixed else 'literal'}",
            ]
        )
        for rule in rules(prefix, event_topics)
    ]


def strimzi_user(principal: str, prefix: str = "", event_topics: Sequence[str] = ()) -> dict[str, object]:
    """A KafkaUser of the Strimzi operator."""
    acls = [
        {
            "resource": {
                "type": rule.resource,
                "name": rule.name,
                "patternType": "prefix" if rule.prefixed else "literal",
            },
            "operations": list(rule.operations),
        }
        for rule in rules(prefix, event_topics)
        if rule.principal == principal
    ]
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": _user(principal), "labels": {"strimzi.io/cluster": "kafka"}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _user(principal: str) -> str:
    """The user of a principal, without underscores, which Kubernetes does not allow in names."""
    return f"footfall-{principal}".replace("_", "-").replace("footfall-footfall", "footfall")
