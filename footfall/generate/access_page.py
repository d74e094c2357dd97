"""docs/access.md: who may do what on the cluster."""

import json

from footfall.contract.access import SERVICES, SUBSCRIBERS, kafka_acls, rules, strimzi_user


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Who may do what",
            "",
            "Made from `avro_schemas/topics` by `make generate`. Each service has a principal of its own with the rights it needs, and",
            "`footfall-subscribers` stands for every team that reads. Nobody but `footfall` (the command line) makes topics.",
            "",
            "| principal | may | on |",
            "|---|---|---|",
            *_rows(),
            "",
            "`footfall acls` prints them for `kafka-acls`, `footfall acls --strimzi` as `KafkaUser` objects; `--prefix` for a shared cluster.",
            "",
            "## For `kafka-acls`",
            "",
            "Behind `kafka-acls --bootstrap-server …`:",
            "",
            *(f"    {line}" for line in kafka_acls()),
            "",
            "## For Strimzi",
            "",
            "One of them, as JSON (which is YAML):",
            "",
            *(f"    {line}" for line in json.dumps(strimzi_user(SUBSCRIBERS), indent=2).splitlines()),
            "",
        ]
    )


def _rows() -> list[str]:
    return [
        f"| {principal} | {', '.join(rule.operations)} | {rule.resource} `{rule.name}{'*' if rule.prefixed else ''}` |"
        for principal in (*SERVICES, SUBSCRIBERS)
        for rule in rules()
        if rule.principal == principal
    ]
