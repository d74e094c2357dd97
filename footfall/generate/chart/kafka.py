"""helm/files/kafka.json: topics and access rules, for the objects of the Strimzi operator."""

import json

from avro_schemas.topic import EVENTS, all_topics, event_type_topic
from footfall.contract.access import rules


def description() -> str:
    """The whole file."""
    granted: dict[str, list[dict[str, object]]] = {}
    for rule in rules():
        if not rule.prefixed:  # subscribers are no part of the release
            line: dict[str, object] = {"type": rule.resource, "name": rule.name, "operations": rule.operations}
            granted.setdefault(rule.principal, []).append(line)
    described = {name: dict(topic.config) for name, topic in all_topics().items()}
    # All topics on demand are alike.
    copied = dict(event_type_topic(all_topics()[EVENTS].schemas[0]).config)
    return json.dumps({"topics": described, "copied": copied, "rules": granted}, indent=2) + "\n"
