"""JSON Schema (2020-12) for what a frontend sends, from the Avro schema it is written with."""

from typing import Any

from avro_schemas.schema import CUSTOM, Schema
from avro_schemas.validation.faults import DEFAULT_MAX_LENGTH, INT, LONG, MAX_NAME_LENGTH, MAX_PROPERTIES

Json = dict[str, Any]

# The strict check takes no NUL; JSON itself allows no lone surrogates in UTF-8.
_TEXT: Json = {"type": "string", "pattern": "^[^\\u0000]*$"}
_USER_AGENT: Json = _TEXT | {
    "maxLength": 2_000,
    "description": "Kept only as browser, system and class of device.",
}


def event_data_schema(schema: Schema) -> Json:
    """The JSON Schema of the `event_data` of events that are written with `schema`."""
    event_data = schema.definition["fields"][-1]
    made = _convert(event_data["type"], DEFAULT_MAX_LENGTH)
    if schema.name == CUSTOM:
        return made | {"properties": {"user_agent": _USER_AGENT}}
    made["properties"]["user_agent"] = _USER_AGENT
    return made


def _convert(kind: Any, max_length: int) -> Json:
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
            return {"anyOf": [_convert(branch, max_length) for branch in kind]}
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
                "additionalProperties": _convert(values, DEFAULT_MAX_LENGTH),
                "propertyNames": _TEXT | {"maxLength": MAX_NAME_LENGTH},
                "maxProperties": MAX_PROPERTIES,
            }
    raise NotImplementedError(f"event_data may not hold {kind!r} until json_schema.py knows how to say it")


def _property(field: Json) -> Json:
    return _convert(field["type"], field.get("maxLength", DEFAULT_MAX_LENGTH)) | {"description": field["doc"]}
