"""docs/contracts.md: the headers of an event, and the fields that all events have."""

from typing import Any

from avro_schemas.schema import CUSTOM, latest
from avro_schemas.topic import EVENT_HEADERS
from footfall.generate.regions import Regions
from footfall.generate.tables import table


def regions() -> Regions:
    """The headers as the catalogue shows them, and the head as the schemas describe it."""
    headers = [[f"`{name}`", meaning] for name, meaning in EVENT_HEADERS.items()]
    return {
        "event-headers": table(("header", "value"), headers),
        "event-head": table(("field", "type", "meaning"), _head()),
    }


def _head() -> list[list[str]]:
    rows = []
    for field in latest()[CUSTOM].definition["fields"][:-1]:
        kind = field["type"]
        if isinstance(kind, dict) and kind["type"] == "record":
            rows += [_row(inner, f"{field['name']}.") for inner in kind["fields"]]
        else:
            rows.append(_row(field))
    return rows


def _row(field: dict[str, Any], prefix: str = "") -> list[str]:
    return [f"`{prefix}{field['name']}`", _type(field["type"]), field["doc"]]


def _type(kind: Any) -> str:
    if isinstance(kind, list):
        return f"{_type(kind[1])}, or null"
    return "string" if kind == "string" else str(kind["logicalType"])
