"""docs/event-types.md: what to send for each event type."""

import json
from typing import Any

from avro_schemas.event_types import described, field_in_words

Json = dict[str, Any]


def page() -> str:
    """The whole page."""
    typed = [each for each in described() if each["kind"] == "typed"]
    custom = [each for each in described() if each["kind"] == "custom"]
    lines = [
        "# Event types",
        "",
        "Made from the schemas by `make generate`. [collect.md](collect.md) tells how to send events; a running",
        "collector serves the same with JSON Schemas at `/api/analytics/event-types`.",
    ]
    for each in typed:
        lines += ["", *_typed(each)]
    lines += ["", "## Custom events", "", "They take any texts, numbers, booleans and nulls by name.", ""]
    lines += ["| type | meaning |", "|---|---|"]
    lines += [f"| `{each['event_type']}` | {each['description']} |" for each in custom]
    return "\n".join(lines) + "\n"


def _typed(each: Json) -> list[str]:
    schema = each["schema"]
    lines = [
        f"## `{each['event_type']}`",
        "",
        each["description"],
        "",
        "| field | value | meaning |",
        "|---|---|---|",
    ]
    for name, value in schema["properties"].items():
        needed = "" if name in schema["required"] else ", optional"
        lines.append(f"| `{name}` | {field_in_words(value)}{needed} | {value.get('description', '')} |")
    return [*lines, "", "```json", json.dumps(each["example"], indent=2), "```"]
