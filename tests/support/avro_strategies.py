"""Values that an Avro schema allows, for property tests."""

from typing import Any

from hypothesis import strategies as st

from avro_schemas.validation import faults


def fitting(kind: Any) -> st.SearchStrategy[Any]:
    """Values that a schema allows."""
    match kind:
        case "string":
            return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
        case "int" | "long":
            minimum, maximum = faults.INT if kind == "int" else faults.LONG
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
        case {"type": "enum", "symbols": symbols}:
            return st.sampled_from(symbols)
        case {"type": "map", "values": values}:
            return st.dictionaries(st.text("abcdefghij_", min_size=1, max_size=9), fitting(values), max_size=4)
        case {"type": "record", "fields": fields}:
            needed = {field["name"]: fitting(field["type"]) for field in fields if "default" not in field}
            others = {field["name"]: fitting(field["type"]) for field in fields if "default" in field}
            return st.fixed_dictionaries(needed, optional=others)
        case {"type": plain}:
            return fitting(plain)
    raise NotImplementedError(kind)
