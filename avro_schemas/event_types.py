"""Every event type as a frontend meets it: what it means, what to send, and an example."""

import json
from functools import cache
from typing import Any

from avro_schemas import catalogue
from avro_schemas.json_schema import event_data_schema
from avro_schemas.schema import CUSTOM, FOLDER, Schema, latest, typed_events

Json = dict[str, Any]


@cache
def described() -> list[Json]:
    """Name, kind (typed or custom), meaning, JSON Schema of `event_data` and an example, typed ones first."""
    typed = [_typed(name) for name in typed_events()]
    return typed + [_custom(name, meaning) for name, meaning in sorted(catalogue.custom_events().items())]


def _typed(name: str) -> Json:
    schema = latest()[name]
    return {
        "event_type": name,
        "kind": "typed",
        "description": schema.definition["doc"],
        "schema": event_data_schema(schema),
        "example": example(schema),
    }


def _custom(name: str, meaning: str) -> Json:
    return {
        "event_type": name,
        "kind": "custom",
        "description": meaning,
        "schema": event_data_schema(latest()[CUSTOM]),
        "example": example(latest()[CUSTOM]) | {"event_type": name},
    }


def field_in_words(schema: Json) -> str:
    """The JSON Schema of a field in a few words."""
    if branches := schema.get("anyOf"):
        return " or ".join(field_in_words(branch) for branch in branches)
    kind = str(schema["type"])
    if kind == "string":
        return f"text, {schema['maxLength']} at most" if "maxLength" in schema else "text"
    if kind == "object" and schema.get("additionalProperties"):
        return f"object of {field_in_words(schema['additionalProperties'])}"
    return kind


def example(schema: Schema) -> Any:
    """The example of a schema: for an event what a frontend posts, else the record as JSON."""
    return json.loads((FOLDER / "examples" / f"{schema.name}.v{schema.version}.json").read_text())
