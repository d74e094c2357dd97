"""The strict check of `event_data`, which names every fault.

fastavro writes 1.5 into a long as 1, drops extra fields, takes booleans for numbers, and lets NaN, NUL and lone
surrogates through. This check is stricter. Each schema is compiled to functions once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from avro_schemas.schema import Schema, by_id

DEFAULT_MAX_LENGTH = 2_000
MAX_NAME_LENGTH = 200
MAX_PROPERTIES = 100

INT = (-(2**31), 2**31 - 1)
LONG = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an event.

    `code` is one of the reasons, `pointer` a JSON pointer (RFC 6901) into the event. `got` is the type and length
    of what was sent, never its value.
    """

    code: str
    pointer: str
    expected: str
    got: str = ""


Check = Callable[[Any, str, list[Fault]], None]


def find_faults(schema: Schema, event_data: Any) -> list[Fault]:
    """Everything that is wrong with the `event_data` of an event that is to be written with `schema`."""
    found: list[Fault] = []
    _event_data_check(schema.id)(event_data, "/event_data", found)
    return found


def describe_value(value: Any) -> str:
    """Type and length of a JSON value: errors say no more about what a client sent."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "whole number"
        case float():
            return "number"
        case str():
            return f"text of {len(value)} characters"
        case list():
            return f"list of {len(value)}"
        case dict():
            return f"object of {len(value)} fields"
    return type(value).__name__


def text_fault(value: str, pointer: str, max_length: int) -> Fault | None:
    """What is wrong with a text, if anything: Postgres takes no NUL, Avro no lone surrogates."""
    if len(value) > max_length:
        return Fault("too_long", pointer, f"at most {max_length} characters", describe_value(value))
    if "\0" in value:
        return Fault("text_invalid", pointer, "text without NUL characters", describe_value(value))
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return Fault("text_invalid", pointer, "text without lone surrogates", describe_value(value))
    return None


@cache
def _event_data_check(schema_id: int) -> Check:
    event_data = next(f for f in by_id()[schema_id].definition["fields"] if f["name"] == "event_data")
    return _compile(event_data["type"], DEFAULT_MAX_LENGTH)


def _compile(kind: Any, max_length: int) -> Check:
    match kind:
        case list():
            return _union(kind, max_length)
        case "string":
            return _string(max_length)
        case "int" | "long":
            return _whole_number(*(INT if kind == "int" else LONG))
        case "double":
            return _number
        case "boolean":
            return _boolean
        case {"type": "record", "fields": fields}:
            return _record(fields)
        case {"type": "map", "values": values}:
            return _map(_compile(values, max_length))
    raise NotImplementedError(f"event_data cannot hold {kind!r} yet: find_faults does not check it")


def _string(max_length: int) -> Check:
    def check(value: Any, pointer: str, found: list[Fault]) -> None:
        if type(value) is not str:
            found.append(Fault("type_mismatch", pointer, "text", describe_value(value)))
        elif fault := text_fault(value, pointer, max_length):
            found.append(fault)

    return check


def _whole_number(minimum: int, maximum: int) -> Check:
    expected = f"a whole number from {minimum} to {maximum}"

    def check(value: Any, pointer: str, found: list[Fault]) -> None:
        if type(value) is not int:
            found.append(Fault("type_mismatch", pointer, expected, describe_value(value)))
        elif not minimum <= value <= maximum:
            found.append(Fault("out_of_range", pointer, expected, describe_value(value)))

    return check


def _number(value: Any, pointer: str, found: list[Fault]) -> None:
    if type(value) is float:
        if not math.isfinite(value):
            found.append(Fault("not_finite", pointer, "a finite number", describe_value(value)))
    elif type(value) is not int:
        found.append(Fault("type_mismatch", pointer, "a number", describe_value(value)))


def _boolean(value: Any, pointer: str, found: list[Fault]) -> None:
    if type(value) is not bool:
        found.append(Fault("type_mismatch", pointer, "true or false", describe_value(value)))


_JSON_TYPES: dict[Any, tuple[type, str]] = {
    "null": (type(None), "null"),
    "string": (str, "text"),
    "boolean": (bool, "true or false"),
    "int": (int, "a whole number"),
    "long": (int, "a whole number"),
    "double": (float, "a number"),
}


def _union(kinds: list[Any], max_length: int) -> Check:
    """The type of the value chooses the branch, as in the writer."""
    branches = {_JSON_TYPES[kind][0]: _branch(kind, max_length) for kind in kinds}
    if float in branches:
        branches.setdefault(int, _number)
    expected = ", ".join(_JSON_TYPES[kind][1] for kind in kinds if kind != "long" or "double" not in kinds)

    def check(value: Any, pointer: str, found: list[Fault]) -> None:
        branch = branches.get(type(value))
        if branch is None:
            found.append(Fault("type_mismatch", pointer, expected, describe_value(value)))
        else:
            branch(value, pointer, found)

    return check


def _branch(kind: Any, max_length: int) -> Check:
    return _nothing_to_check if kind == "null" else _compile(kind, max_length)


def _nothing_to_check(value: Any, pointer: str, found: list[Fault]) -> None:
    pass


def _record(fields: list[dict[str, Any]]) -> Check:
    checks = {f["name"]: _compile(f["type"], f.get("maxLength", DEFAULT_MAX_LENGTH)) for f in fields}
    required = [f["name"] for f in fields if "default" not in f]
    known = "one of " + ", ".join(checks)

    def check(value: Any, pointer: str, found: list[Fault]) -> None:
        if type(value) is not dict:
            found.append(Fault("type_mismatch", pointer, "an object", describe_value(value)))
            return
        found.extend(
            Fault("field_missing", f"{pointer}/{name}", "a value") for name in required if name not in value
        )
        for name, field_value in value.items():
            if field_check := checks.get(name):
                field_check(field_value, f"{pointer}/{name}", found)
            else:
                found.append(
                    Fault("field_unknown", child_pointer(pointer, name), known, describe_value(field_value))
                )

    return check


def _map(value_check: Check) -> Check:
    name_check = _string(MAX_NAME_LENGTH)

    def check(value: Any, pointer: str, found: list[Fault]) -> None:
        if type(value) is not dict:
            found.append(Fault("type_mismatch", pointer, "an object", describe_value(value)))
            return
        if len(value) > MAX_PROPERTIES:
            found.append(Fault("too_long", pointer, f"at most {MAX_PROPERTIES} fields", describe_value(value)))
            return
        for name, item in value.items():
            below = child_pointer(pointer, name)
            name_check(name, below, found)
            value_check(item, below, found)

    return check


def child_pointer(pointer: str, name: str) -> str:
    """The pointer to a member. Clients choose names: they are shortened and made printable for the logs."""
    shown = name[:50].encode("ascii", "backslashreplace").decode().replace("\0", "\\0")
    return f"{pointer}/{shown.replace('~', '~0').replace('/', '~1')}"
