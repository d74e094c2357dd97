"""Who may do what on the cluster, from the descriptions of the topics. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from avro_schemas.topic import all_topics

SERVICES = ("producer_api", "stream_app", "sinks", "dashboard", "footfall")
SUBSCRIBERS = "subscribers"
# Groups of subscribers begin with this and their own name.
SUBSCRIBER_GROUPS = "subscriber-"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a principal may do to a topic or a group; `prefixed` to all whose names begin so."""

    principal: str
    resource: str
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def rules(prefix: str = "", event_topics: Sequence[str] = ()) -> Iterator[Rule]:
    """Every rule; `prefix` stands in front of all topics and groups of a shared cluster.

    `event_topics` are the event types that have a topic of their own.
    """
    for topic in all_topics(event_topics).values():
        name = prefix + topic.name
        for principal in topic.producers:
            yield Rule(principal, "topic", name, ("Write", "Describe"))
        for consumer in topic.consumers:
            yield Rule(consumer.service, "topic", name, ("Read", "Describe"))
        # `footfall topics` makes what is missing and compares the rest; `tail` and `dead-letters` read.
        reads = ("Read",) if topic.schemas else ()
        yield Rule("footfall", "topic", name, ("Create", "Describe", "DescribeConfigs", *reads))
    for principal, group in _consumer_groups().items():
        yield Rule(principal, "group", prefix + group, ("Read", "Describe"))
        # `doctor` looks how far they are.
        yield Rule("footfall", "group", prefix + group, ("Describe",))
    yield Rule(SUBSCRIBERS, "group", prefix + SUBSCRIBER_GROUPS, ("Read", "Describe"), prefixed=True)


def _consumer_groups() -> dict[str, str]:
    """The consumer group of each service that reads with one."""
    return {service: group for topic in all_topics().values() for service, group in topic.consumer_groups.items()}


def kafka_acls(prefix: str = "", event_topics: Sequence[str] = ()) -> list[str]:
    """Arguments of `kafka-acls`, a line a rule, behind `--bootstrap-server …`."""
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
    """Kubernetes takes no underscores in names."""
    return f"footfall-{principal}".replace("_", "-").replace("footfall-footfall", "footfall")
