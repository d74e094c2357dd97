"""Parts of an OpenAPI document. No I/O."""

from typing import Any

Json = dict[str, Any]


def schema(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(description: str, properties: Json, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": properties, "required": required}


def map_of(values: Json, description: str) -> Json:
    return {"type": "object", "additionalProperties": values, "description": description}


def number(description: str) -> Json:
    return {"type": "integer", "description": description}


def text(description: str) -> Json:
    return {"type": "string", "description": description}


def answer(description: str, media_type: str, schema: Json, headers: Json | None = None) -> Json:
    answer: Json = {"description": description, "content": {media_type: {"schema": schema}}}
    return answer | ({"headers": headers} if headers else {})


def parameter(name: str, schema: Json, description: str, place: str = "query") -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": description}


def error(description: str) -> Json:
    return answer(description, "application/json", schema("Message"))


INSTANT: Json = {"type": "string", "format": "date-time"}
NO_ACCESS: Json = {
    "401": {"$ref": "#/components/responses/LoginRequired"},
    "403": {"$ref": "#/components/responses/Disabled"},
}
NO_KEYS = "The keys that verify sessions could not be fetched yet"
