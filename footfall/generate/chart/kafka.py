"""helm/files/kafka.json: topics and access rules, for the objects of the Strimzi operator."""

import json

from avro_schemas.topic import EVENTS, all_topics, event_type_topic
from footfall.contract.access import rules


def description() -> str:
    """The whole file."""
    acls: dict[str, list[dict[str, object]]] = {}
    for rule in rules():
        if not rule.prefixed:  # the prefixed rules are for subscribers, who are not part of the release
            acl: dict[str, object] = {"type": rule.resource, "name": rule.name, "operations": rule.operations}
            acls.setdefault(rule.principal, []).append(acl)
    configs = {name: dict(topic.config) for name, topic in all_topics().items()}
    # All topics of single event types have the same configuration.
    event_topic = dict(event_type_topic(all_topics()[EVENTS].schemas[0]).config)
    return json.dumps({"topics": configs, "eventTopic": event_topic, "acls": acls}, indent=2) + "\n"
