"""docs/event-types.md: what to send for each event type."""

import json
from typing import Any

from avro_schemas.event_types import describe_event_types, describe_field_type
from footfall.generate.regions import Regions
from footfall.generate.tables import table

Json = dict[str, Any]


def regions() -> Regions:
    """A section per typed event, and a row per custom event."""
    sections = [
        line for each in describe_event_types() if each["kind"] == "typed" for line in ["", *_section(each)]
    ]
    custom = [
        [f"`{each['event_type']}`", each["description"]]
        for each in describe_event_types()
        if each["kind"] == "custom"
    ]
    return {"typed-events": sections[1:], "custom-events": table(("type", "meaning"), custom)}


def _section(each: Json) -> list[str]:
    schema = each["schema"]
    fields = []
    for name, value in schema["properties"].items():
        optional = "" if name in schema["required"] else ", optional"
        fields.append([f"`{name}`", describe_field_type(value) + optional, value.get("description", "")])
    return [
        f"## `{each['event_type']}`",
        "",
        each["description"],
        "",
        *table(("field", "value", "meaning"), fields),
        "",
        "```json",
        json.dumps(each["example"], indent=2),
        "```",
    ]
