"""Values that an Avro schema allows, for property tests."""

from typing import Any

import orjson
from hypothesis import strategies as st

from avro_schemas.schema import CUSTOM, Schema, is_json
from avro_schemas.validation import bounds

_NAMES = st.text("abcdefghij_", min_size=1, max_size=9)


def free_objects() -> st.SearchStrategy[dict[str, Any]]:
    """Free data that clients may send, with objects and lists inside each other."""
    plain = (
        st.none()
        | st.booleans()
        | st.integers(*bounds.LONG)
        | st.floats(allow_nan=False, allow_infinity=False)
        | fitting("string")
    )
    values = st.recursive(
        plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4), max_leaves=8
    )
    return st.dictionaries(_NAMES, values, max_size=4)


def sendable(schema: Schema) -> st.SearchStrategy[Any]:
    """`event_data` that clients may send for a schema."""
    if schema.name == CUSTOM:
        return free_objects()
    fields = schema.definition["fields"][-1]["type"]["fields"]
    strategies = {f["name"]: free_objects() if is_json(f["type"]) else fitting(f["type"]) for f in fields}
    optional = {f["name"] for f in fields if "default" in f}
    return st.fixed_dictionaries(
        {name: each for name, each in strategies.items() if name not in optional},
        optional={name: each for name, each in strategies.items() if name in optional},
    )


def fitting(kind: Any) -> st.SearchStrategy[Any]:
    """Values that a schema allows."""
    match kind:
        case "string":
            return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
        case "int" | "long":
            minimum, maximum = bounds.INT if kind == "int" else bounds.LONG
            return st.integers(minimum, maximum)
        case "double":
            return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "bytes":
            return st.binary(max_size=20)
        case list():
            return st.one_of([fitting(branch) for branch in kind])
        case {"type": "map", "values": values}:
            return st.dictionaries(st.text("abcdefghij_", min_size=1, max_size=9), fitting(values), max_size=4)
        case {"type": "record", "fields": fields}:
            needed = {field["name"]: fitting(field["type"]) for field in fields if "default" not in field}
            others = {field["name"]: fitting(field["type"]) for field in fields if "default" in field}
            return st.fixed_dictionaries(needed, optional=others)
        case {"logicalType": "json"}:
            return free_objects().map(lambda value: orjson.dumps(value).decode())
        case {"type": plain}:
            return fitting(plain)
    raise NotImplementedError(kind)
