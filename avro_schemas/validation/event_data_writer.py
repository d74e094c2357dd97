"""Writers of `event_data` that check while they write: they write exactly what `find_faults` finds no fault in.

One pass is four times as fast as the check followed by fastavro, and has none of fastavro's silent conversions. A
writer does not say what is wrong: `find_faults` does, for the few events that are rejected.
"""

import math
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from avro_schemas import varints
from avro_schemas.schema import CUSTOM, Schema, by_id, is_json
from avro_schemas.validation.bounds import DEFAULT_MAX_LENGTH, INT, LONG
from avro_schemas.validation.json_object import InvalidJsonObject, write_json_object

Write = Callable[[Any], bytes]

_DOUBLE = struct.Struct("<d")


class InvalidEventData(ValueError):
    """The value is not what the schema demands."""


def writer_for(schema: Schema) -> Write:
    """The writer of `event_data` for this schema. It raises `InvalidEventData` where `find_faults` finds any.

    Of a custom event it takes what the client sent, which is written as the one field of its `event_data`.
    """
    return _event_data_writer(schema.id)


@cache
def _event_data_writer(schema_id: int) -> Write:
    schema = by_id()[schema_id]
    if schema.name == CUSTOM:  # a record adds no bytes to those of its fields
        return _json_object
    return _compile(schema.definition["fields"][-1]["type"], DEFAULT_MAX_LENGTH)


def _compile(kind: Any, max_length: int) -> Write:
    match kind:
        case ["null", other]:
            return _optional(_compile(other, max_length))
        case "string":
            return _string(max_length)
        case "int":
            return _whole_number(*INT)
        case "long":
            return _whole_number(*LONG)
        case "double":
            return _number
        case "boolean":
            return _boolean
        case {"type": "string", "logicalType": "json"}:
            return _json_object
        case {"type": "record", "fields": fields}:
            return _record(fields)
    raise NotImplementedError(f"event_data cannot hold {kind!r} yet: event_data_writer does not write it")


def _optional(write_value: Write) -> Write:
    def write(value: Any) -> bytes:
        return b"\0" if value is None else b"\2" + write_value(value)

    return write


def _string(max_length: int) -> Write:
    def write(value: Any) -> bytes:
        if type(value) is not str or len(value) > max_length or "\0" in value:
            raise InvalidEventData
        try:
            text = value.encode()
        except UnicodeEncodeError as error:
            raise InvalidEventData from error
        return varints.length(len(text)) + text

    return write


def _whole_number(minimum: int, maximum: int) -> Write:
    def write(value: Any) -> bytes:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not minimum <= value <= maximum:
            raise InvalidEventData
        return varints.length(value) if value >= 0 else varints.long(value)

    return write


def _number(value: Any) -> bytes:
    if type(value) is not float and type(value) is not int:
        raise InvalidEventData
    try:
        written = float(value)
    except OverflowError as error:
        raise InvalidEventData from error
    if not math.isfinite(written):
        raise InvalidEventData
    return _DOUBLE.pack(written)


def _boolean(value: Any) -> bytes:
    if type(value) is not bool:
        raise InvalidEventData
    return b"\1" if value else b"\0"


def _json_object(value: Any) -> bytes:
    try:
        text = write_json_object(value)
    except InvalidJsonObject as error:
        raise InvalidEventData from error
    return varints.length(len(text)) + text


def _record(fields: list[dict[str, Any]]) -> Write:
    plan = [_field(field) for field in fields]

    def write(value: Any) -> bytes:
        if type(value) is not dict:
            raise InvalidEventData
        parts, left = [], len(value)
        for name, write_field, absent in plan:
            if name in value:
                parts.append(write_field(value[name]))
                left -= 1
            elif absent is None:
                raise InvalidEventData
            else:
                parts.append(absent)
        if left:
            raise InvalidEventData  # a field that the schema does not have
        return b"".join(parts)

    return write


def _field(field: dict[str, Any]) -> tuple[str, Write, bytes | None]:
    """Name, writer, and the bytes for an absent value: None if the field is required."""
    kind = field["type"]
    write = _compile(kind, field.get("maxLength", DEFAULT_MAX_LENGTH))
    if "default" not in field:
        return field["name"], write, None
    # The default of a JSON text is that text; the writer takes an object.
    return field["name"], write, write({} if is_json(kind) else field["default"])
