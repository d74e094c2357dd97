"""Every event type as a client sends it: what it means, the JSON Schema of its `event_data`, and an example."""

import difflib
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from avro_schemas.installed import installed
from avro_schemas.schema import CUSTOM, Schema, latest, typed_events
from avro_schemas.validation.bounds import DEFAULT_MAX_LENGTH, INT, LONG, MAX_NAME_LENGTH, MAX_PROPERTIES

Json = dict[str, Any]

NAME_FORM = "1 to 100 letters, digits and _ . - :"
_NAME = re.compile(r"[a-zA-Z0-9_.\-:]{1,100}")
_DIALECT: Json = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
# NUL characters are rejected; JSON in UTF-8 cannot hold lone surrogates anyway.
_TEXT: Json = {"type": "string", "pattern": "^[^\\u0000]*$"}
# Objects and lists may be nested in it. JSON Schema cannot say how many values there may be in all.
_FREE_OBJECT: Json = {
    "type": "object",
    "additionalProperties": True,
    "propertyNames": _TEXT | {"maxLength": MAX_NAME_LENGTH},
    "maxProperties": MAX_PROPERTIES,
}
_USER_AGENT: Json = _TEXT | {
    "maxLength": 2_000,
    "description": "Stored only as browser, system and device class.",
}


@cache
def custom_events() -> Mapping[str, str]:
    """The custom events that `custom_events.yaml` names, each with its meaning."""
    return MappingProxyType(dict(installed().custom_events))


@cache
def event_type_names() -> frozenset[str]:
    """The names of all event types, typed and custom."""
    return frozenset(typed_events()) | frozenset(custom_events())


def is_event_name(name: str) -> bool:
    """Whether a custom event may have this name, if it is not in the catalogue."""
    return _NAME.fullmatch(name) is not None


def contract_spelling(name: str) -> str:
    """The name as it could be in the contract, such as add_to_cart for addToCart."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)
    return "_".join(words).lower()


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
    made = _DIALECT | {"$id": f"urn:footfall:event-data:{schema.name}:{schema.version}"}
    if schema.name == CUSTOM:
        return made | _FREE_OBJECT | {"properties": {"user_agent": _USER_AGENT}}
    made |= _json_schema(schema.definition["fields"][-1]["type"], DEFAULT_MAX_LENGTH)
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
        case "boolean":
            return {"type": kind}
        case ["null", other]:
            made = _json_schema(other, max_length)
            return made | {"type": [made["type"], "null"]}
        case {"type": "string", "logicalType": "json"}:
            return _FREE_OBJECT
        case {"type": "record", "fields": fields}:
            return {
                "type": "object",
                "properties": {field["name"]: _property(field) for field in fields},
                "required": [field["name"] for field in fields if "default" not in field],
                "additionalProperties": False,
            }
    raise NotImplementedError(f"event_data cannot hold {kind!r} yet: _json_schema does not convert it")


def _property(field: Json) -> Json:
    max_length = field.get("maxLength", DEFAULT_MAX_LENGTH)
    return _json_schema(field["type"], max_length) | {"description": field["doc"]}


def describe_field_type(schema: Json) -> str:
    """The JSON Schema of a field in a few words."""
    if isinstance(schema["type"], list):
        first, *others = (describe_field_type(schema | {"type": kind}) for kind in schema["type"])
        return (", or " if "," in first else " or ").join([first, *others])
    kind = str(schema["type"])
    if kind == "string":
        return f"text, {schema['maxLength']} at most" if "maxLength" in schema else "text"
    return "object of any JSON" if kind == "object" else kind
