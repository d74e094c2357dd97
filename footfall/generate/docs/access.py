"""docs/access.md: which service may do what on the Kafka cluster."""

import json

from footfall.contract.access import SERVICES, SUBSCRIBERS, kafka_acls, rules, strimzi_user
from footfall.generate.regions import Regions
from footfall.generate.tables import table


def regions() -> Regions:
    """A row per rule, and the rules as `kafka-acls` and Strimzi take them."""
    strimzi = json.dumps(strimzi_user(SUBSCRIBERS), indent=2)
    return {
        "rules": table(("principal", "may", "on"), _rows()),
        "kafka-acls": [f"    {line}" for line in kafka_acls()],
        "strimzi": [f"    {line}" for line in strimzi.splitlines()],
    }


def _rows() -> list[list[str]]:
    return [
        [principal, ", ".join(rule.operations), f"{rule.resource} `{rule.name}{'*' if rule.prefixed else ''}`"]
        for principal in (*SERVICES, SUBSCRIBERS)
        for rule in rules()
        if rule.principal == principal
    ]
