"""The strict check of `event_data`, which names every fault.

fastavro writes 1.5 into a long as 1, drops extra fields, takes booleans for numbers, and lets NaN, NUL and lone
surrogates through. This check is stricter. Each schema is compiled to functions once.
"""

import math
from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any

from avro_schemas.schema import CUSTOM, Schema, by_id
from avro_schemas.validation.bounds import DEFAULT_MAX_LENGTH, INT, LONG, MAX_FAULTS
from avro_schemas.validation.fault import Fault, child_pointer, describe_value, text_fault
from avro_schemas.validation.json_object import json_object_faults

Check = Callable[[Any, str, list[Fault]], None]

_POINTER = "/event_data"


def find_faults(schema: Schema, event_data: Any) -> list[Fault]:
    """The first MAX_FAULTS things that are wrong with the `event_data` of an event to be written with `schema`."""
    found: list[Fault] = []
    _event_data_check(schema.id)(event_data, _POINTER, found)
    return found[:MAX_FAULTS]


@cache
def _event_data_check(schema_id: int) -> Check:
    schema = by_id()[schema_id]
    if schema.name == CUSTOM:  # all of its `event_data` is free
        return _json_object
    return _compile(schema.definition["fields"][-1]["type"], DEFAULT_MAX_LENGTH)


def _compile(kind: Any, max_length: int) -> Check:
    match kind:
        case ["null", other]:
            return _optional(_compile(other, max_length))
        case "string":
            return _string(max_length)
        case "int" | "long":
            return _whole_number(*(INT if kind == "int" else LONG))
        case "double":
            return _number
        case "boolean":
            return _boolean
        case {"type": "string", "logicalType": "json"}:
            return _json_object
        case {"type": "record", "fields": fields}:
            return _record(fields)
    raise NotImplementedError(f"event_data cannot hold {kind!r} yet: find_faults does not check it")


def _optional(check_value: Check) -> Check:
    def check(value: Any, pointer: str, found: list[Fault]) -> None:
        if value is not None:
            check_value(value, pointer, found)

    return check


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
        # 3.0 is a whole number for JSON Schema, and so for whoever reads our OpenAPI document.
        if type(value) is not int and not (type(value) is float and value.is_integer()):
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


def _json_object(value: Any, pointer: str, found: list[Fault]) -> None:
    found.extend(islice(json_object_faults(value, pointer), MAX_FAULTS))


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
            if len(found) >= MAX_FAULTS:  # thousands of unknown fields would take as many faults
                return
            if field_check := checks.get(name):
                field_check(field_value, f"{pointer}/{name}", found)
            else:
                found.append(
                    Fault("field_unknown", child_pointer(pointer, name), known, describe_value(field_value))
                )

    return check
