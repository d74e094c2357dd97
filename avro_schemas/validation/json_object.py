"""Free data of clients as the text of a JSON object: bounded, so that every reader can take it.

`write_json_object` writes it if nothing is wrong, and `json_object_faults` names everything that is.
"""

import math
from collections.abc import Iterator
from typing import Any

import orjson

from avro_schemas.validation.bounds import (
    DEFAULT_MAX_LENGTH,
    MAX_NAME_LENGTH,
    MAX_NESTING,
    MAX_PROPERTIES,
    MAX_VALUES,
)
from avro_schemas.validation.fault import Fault, child_pointer, describe_value, text_fault

_JSON_NUL = rb"\u0000"
_EMPTY = b"{}"


class InvalidJsonObject(ValueError):
    """The value is not an object that may be written."""


def write_json_object(value: Any) -> bytes:
    """The object as JSON in UTF-8. Raise InvalidJsonObject where `json_object_faults` finds any."""
    if not value and type(value) is dict:
        return _EMPTY
    try:
        text = orjson.dumps(value)
    except TypeError as error:  # lone surrogates, and what JSON has no form for
        raise InvalidJsonObject from error
    if not _is_plainly_valid(value, text) and any(json_object_faults(value, "")):
        raise InvalidJsonObject
    return text


def _is_plainly_valid(value: Any, text: bytes) -> bool:
    """Whether the text alone shows that nothing can be wrong; most objects are flat and short."""
    return (
        type(value) is dict
        and len(text) <= DEFAULT_MAX_LENGTH
        and text.count(b"{") + text.count(b"[") == 1
        and len(value) <= MAX_PROPERTIES
        and max(map(len, value)) <= MAX_NAME_LENGTH
        and _JSON_NUL not in text
        # Numbers that are not finite are written as null.
        and b"null" not in text
    )


def json_object_faults(value: Any, pointer: str) -> Iterator[Fault]:
    """Everything that is wrong with free data of a client."""
    if type(value) is not dict:
        yield Fault("type_mismatch", pointer, "an object", describe_value(value))
        return
    values = 0
    level: list[tuple[str, Any]] = [(pointer, value)]
    for _ in range(MAX_NESTING):
        values += len(level)
        if values > MAX_VALUES + 1:  # the object itself is not one of them
            yield Fault("too_long", pointer, f"at most {MAX_VALUES} values in all")
            return
        below: list[tuple[str, Any]] = []
        for where, each in level:
            yield from _own_faults(where, each)
            if len(below) <= MAX_VALUES:
                below += _members(where, each)
        if not below:
            return
        level = below
    yield Fault("too_deep", pointer, f"values nested at most {MAX_NESTING} deep")


def _own_faults(pointer: str, value: Any) -> Iterator[Fault]:
    """What is wrong with a value, apart from the values inside it."""
    match value:
        case dict():
            if len(value) > MAX_PROPERTIES:
                yield Fault("too_long", pointer, f"at most {MAX_PROPERTIES} fields", describe_value(value))
            for name in value:
                if fault := text_fault(name, child_pointer(pointer, name), MAX_NAME_LENGTH):
                    yield fault
        case str():
            if fault := text_fault(value, pointer, DEFAULT_MAX_LENGTH):
                yield fault
        case float() if not math.isfinite(value):
            yield Fault("not_finite", pointer, "a finite number", describe_value(value))
        case int() if not -(2**63) <= value < 2**64:
            yield Fault("out_of_range", pointer, "a whole number of at most 64 bits", describe_value(value))


def _members(pointer: str, value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            # What a name is too long or too many of is not looked into: it is wrong already.
            if len(value) <= MAX_PROPERTIES:
                yield from ((child_pointer(pointer, name), each) for name, each in value.items())
        case list():
            yield from ((f"{pointer}/{index}", each) for index, each in enumerate(value[: MAX_VALUES + 1]))
