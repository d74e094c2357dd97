"""What clients send: query parameters and schemas. What is wrong with them becomes an error that clients know."""

import json
from typing import Annotated, Any, TypeVar

import fastavro
from fastapi import Request
from pydantic import BeforeValidator

from registry.errors import bad_request, invalid_schema, schema_too_large

# Ours have a few thousand bytes, and the time of a compatibility check grows with the square of the fields.
MAX_BODY = 64 * 1024

# As in Java: "true" in any case is true, everything else is false.
Flag = Annotated[bool, BeforeValidator(lambda value: str(value).lower() == "true")]

# What fastavro raises for values that are JSON but not Avro; most come from within, without a check.
_NOT_AVRO = (
    fastavro.schema.SchemaParseException,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    RecursionError,
)

# One media type, though any is read: with two, openapi-python-client makes a module that cannot be imported.
BODY_DESCRIPTION = {
    "requestBody": {
        "required": True,
        "content": {
            "application/vnd.schemaregistry.v1+json": {
                "schema": {"$ref": "#/components/schemas/Definition"},
            }
        },
    }
}


_Item = TypeVar("_Item")


def page(items: list[_Item], offset: int, limit: int) -> list[_Item]:
    """A part of a list. A negative limit means no limit."""
    start = max(offset, 0)
    return items[start:] if limit < 0 else items[start : start + limit]


async def definition(request: Request) -> Any:
    """The schema in a request, parsed by fastavro: equal schemas are equal whatever their layout."""
    message = _object(await _body(request))
    if message.get("schemaType") not in (None, "AVRO"):
        raise invalid_schema(f"its type is {message['schemaType']}, and this registry has only AVRO")
    if message.get("references"):
        raise invalid_schema("it has references; send one schema with every type in it")
    if not isinstance(message.get("schema"), str):
        raise invalid_schema('the request has no text "schema"')
    try:
        return parse(json.loads(message["schema"]))
    except _NOT_AVRO as error:
        raise invalid_schema(error) from error


def parse(schema: Any) -> Any:
    """A schema as fastavro understands it, with full names, and without its marks.

    A client's own marks are removed as well: fastavro would believe them and parse nothing.
    """
    return _plain(fastavro.parse_schema(_plain(schema)))


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if not key.startswith("__")}
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    return schema


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise schema_too_large(MAX_BODY)
    return body


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body is not valid JSON: {error}") from error
    if not isinstance(message, dict):
        raise bad_request('The body must be a JSON object with a text "schema".')
    return message
