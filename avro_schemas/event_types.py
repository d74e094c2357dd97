"""Every event type as a client sends it: what it means, the JSON Schema of its `event_data`, and an example."""

import difflib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import yaml

from avro_schemas.schema import CUSTOM, FOLDER, Schema, latest, typed_events
from avro_schemas.validation.faults import DEFAULT_MAX_LENGTH, INT, LONG, MAX_NAME_LENGTH, MAX_PROPERTIES

Json = dict[str, Any]

_DIALECT: Json = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
# NUL characters are rejected; JSON in UTF-8 cannot hold lone surrogates anyway.
_TEXT: Json = {"type": "string", "pattern": "^[^\\u0000]*$"}
_USER_AGENT: Json = _TEXT | {
    "maxLength": 2_000,
    "description": "Stored only as browser, system and device class.",
}


@cache
def custom_events() -> Mapping[str, str]:
    """The custom events that `custom_events.yaml` names, each with its meaning."""
    named: dict[str, str] = yaml.safe_load((FOLDER / "custom_events.yaml").read_text())
    return MappingProxyType(named)


@cache
def event_type_names() -> frozenset[str]:
    """The names of all event types, typed and custom."""
    return frozenset(typed_events()) | frozenset(custom_events())


def did_you_mean(event_type: str) -> str | None:
    """The known event type that is most similar to this one, if any is."""
    close = difflib.get_close_matches(event_type[:100].lower(), sorted(event_type_names()), n=1, cutoff=0.6)
    return close[0] if close else None


@cache
def describe_event_types() -> list[Json]:
    """Name, kind (typed or custom), meaning, JSON Schema of `event_data` and an example; typed ones first."""
    typed = [_describe_typed(name) for name in typed_events()]
    return typed + [_describe_custom(name, meaning) for name, meaning in sorted(custom_events().items())]


def _describe_typed(name: str) -> Json:
    schema = latest()[name]
    return {
        "event_type": name,
        "kind": "typed",
        "description": schema.definition["doc"],
        "schema": event_data_schema(schema),
        "example": schema.example(),
    }


def _describe_custom(name: str, meaning: str) -> Json:
    schema = latest()[CUSTOM]
    return {
        "event_type": name,
        "kind": "custom",
        "description": meaning,
        "schema": event_data_schema(schema),
        "example": schema.example() | {"event_type": name},
    }


def event_data_schema(schema: Schema) -> Json:
    """The JSON Schema (2020-12) of the `event_data` of events that are written with `schema`.

    Its `$id` names the version, as a name and not an address: nothing is to be fetched.
    """
    event_data = schema.definition["fields"][-1]
    made = _DIALECT | {"$id": f"urn:footfall:event-data:{schema.name}:{schema.version}"}
    made |= _json_schema(event_data["type"], DEFAULT_MAX_LENGTH)
    if schema.name == CUSTOM:
        return made | {"properties": {"user_agent": _USER_AGENT}}
    made["properties"]["user_agent"] = _USER_AGENT
    return made


def _json_schema(kind: Any, max_length: int) -> Json:
    match kind:
        case "string":
            return _TEXT | {"maxLength": max_length}
        case "int" | "long":
            minimum, maximum = INT if kind == "int" else LONG
            return {"type": "integer", "minimum": minimum, "maximum": maximum}
        case "double":
            return {"type": "number"}
        case "boolean" | "null":
            return {"type": kind}
        case list():
            return _union([_json_schema(branch, max_length) for branch in kind])
        case {"type": "record", "fields": fields}:
            return {
                "type": "object",
                "properties": {field["name"]: _property(field) for field in fields},
                "required": [field["name"] for field in fields if "default" not in field],
                "additionalProperties": False,
            }
        case {"type": "map", "values": values}:
            return {
                "type": "object",
                "additionalProperties": _json_schema(values, DEFAULT_MAX_LENGTH),
                "propertyNames": _TEXT | {"maxLength": MAX_NAME_LENGTH},
                "maxProperties": MAX_PROPERTIES,
            }
    raise NotImplementedError(f"event_data cannot hold {kind!r} yet: _json_schema does not convert it")


def _union(branches: list[Json]) -> Json:
    """Null is a type of the last branch, not a branch of its own: some generators of clients fail on that."""
    *others, last = [branch for branch in branches if branch != {"type": "null"}]
    if {"type": "null"} in branches:
        last = last | {"type": [last["type"], "null"]}
    return {"anyOf": [*others, last]} if others else last


def _property(field: Json) -> Json:
    max_length = field.get("maxLength", DEFAULT_MAX_LENGTH)
    return _json_schema(field["type"], max_length) | {"description": field["doc"]}


def describe_field_type(schema: Json) -> str:
    """The JSON Schema of a field in a few words."""
    if branches := schema.get("anyOf"):
        return " or ".join(describe_field_type(branch) for branch in branches)
    if isinstance(schema["type"], list):
        first, *others = (describe_field_type(schema | {"type": kind}) for kind in schema["type"])
        return (", or " if "," in first else " or ").join([first, *others])
    kind = str(schema["type"])
    if kind == "string":
        return f"text, {schema['maxLength']} at most" if "maxLength" in schema else "text"
    if kind == "object" and schema.get("additionalProperties"):
        return f"object of {describe_field_type(schema['additionalProperties'])}"
    return kind
