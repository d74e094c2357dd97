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
from avro_schemas.schema import Schema, by_id
from avro_schemas.validation.faults import DEFAULT_MAX_LENGTH, INT, LONG, MAX_NAME_LENGTH, MAX_PROPERTIES

Write = Callable[[Any], bytes]

_DOUBLE = struct.Struct("<d")


class InvalidEventData(ValueError):
    """The value is not what the schema demands."""


def writer_for(schema: Schema) -> Write:
    """The writer of `event_data` for this schema. It raises `InvalidEventData` where `find_faults` finds any."""
    return _event_data_writer(schema.id)


@cache
def _event_data_writer(schema_id: int) -> Write:
    event_data = next(f for f in by_id()[schema_id].definition["fields"] if f["name"] == "event_data")
    return _compile(event_data["type"], DEFAULT_MAX_LENGTH)


def _compile(kind: Any, max_length: int) -> Write:
    match kind:
        case list():
            return _union(kind, max_length)
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
        case "null":
            return _null
        case {"type": "record", "fields": fields}:
            return _record(fields)
        case {"type": "map", "values": values}:
            return _map(_compile(values, max_length))
    raise NotImplementedError(f"event_data cannot hold {kind!r} yet: event_data_writer does not write it")


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


def _null(value: Any) -> bytes:
    if value is not None:
        raise InvalidEventData
    return b""


_TYPES: dict[Any, type] = {
    "null": type(None),
    "string": str,
    "boolean": bool,
    "int": int,
    "long": int,
    "double": float,
}


def _union(kinds: list[Any], max_length: int) -> Write:
    """The type of the value chooses the branch; a whole number may be written as a double."""
    branches = {_TYPES[kind]: (varints.long(n), _compile(kind, max_length)) for n, kind in enumerate(kinds)}
    if float in branches:
        branches.setdefault(int, branches[float])

    def write(value: Any) -> bytes:
        branch = branches.get(type(value))
        if branch is None:
            raise InvalidEventData
        number, write_branch = branch
        return number + write_branch(value)

    return write


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
    write = _compile(field["type"], field.get("maxLength", DEFAULT_MAX_LENGTH))
    return field["name"], write, write(field["default"]) if "default" in field else None


def _map(write_value: Write) -> Write:
    write_name = _string(MAX_NAME_LENGTH)

    def write(value: Any) -> bytes:
        if type(value) is not dict or len(value) > MAX_PROPERTIES:
            raise InvalidEventData
        if not value:
            return b"\0"
        parts = [varints.length(len(value))]
        for name, item in value.items():
            parts.append(write_name(name))
            parts.append(write_value(item))
        parts.append(b"\0")
        return b"".join(parts)

    return write
