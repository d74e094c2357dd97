"""A breaking change is reported with the readers that break and what to do instead; other changes pass."""

import copy
import io
from collections.abc import Callable
from typing import Any

import fastavro
import pytest

from avro_schemas.evolution import breaking_changes, lint
from avro_schemas.schema import by_id, latest
from tests.support.events import event

PAGE_VIEW = latest()["page_view"].definition
Edit = Callable[[dict[str, Any]], None]


def field(definition: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in definition["fields"] if each["name"] == name)
    return found


def data(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = field(definition, "event_data")["type"]
    return found


def edited(edit: Edit) -> dict[str, Any]:
    definition = copy.deepcopy(PAGE_VIEW)
    edit(definition)
    return definition


def add(name: str, **more: Any) -> Edit:
    """Add a field before `properties`, which stays the last one."""
    return lambda definition: data(definition)["fields"].insert(-1, {"name": name, "doc": "New."} | more)


def rename_record(definition: dict[str, Any]) -> None:
    definition["name"] = "PageSeen"


def remove_required(definition: dict[str, Any]) -> None:
    data(definition)["fields"] = [each for each in data(definition)["fields"] if each["name"] != "page"]


def remove_optional(definition: dict[str, Any]) -> None:
    data(definition)["fields"] = [each for each in data(definition)["fields"] if each["name"] != "title"]


def set_type(name: str, kind: Any) -> Edit:
    def edit(definition: dict[str, Any]) -> None:
        field(definition, name)["type"] = kind

    return edit


BREAKING = {
    "a field without a default": (add("seats", type="int"), "no default|missing default|default"),
    "a type narrowed": (set_type("received_at", "int"), "type mismatch"),
    "a type widened": (set_type("received_at", "double"), "type mismatch"),
    "a record renamed": (rename_record, "name mismatch"),
    "a required field removed": (remove_required, "page"),
    "milliseconds made microseconds": (
        set_type("received_at", {"type": "long", "logicalType": "timestamp-micros"}),
        "logical type",
    ),
    "milliseconds made a plain number": (set_type("received_at", "long"), "logical type"),
    "text made bytes": (set_type("event_type", "bytes"), "became bytes"),
    "text made bytes in an optional field": (set_type("user_key", ["null", "bytes"]), "string became bytes"),
    "a JSON text made a plain one": (
        lambda d: field(data(d), "properties").update(type="string"),
        "logical type changed from json",
    ),
    "a text made optional": (set_type("event_type", ["null", "string"]), "type"),
    "the namespace changed": (lambda d: d.update(namespace="elsewhere"), "namespace"),
}
COMPATIBLE = {
    "an optional field": add("seats", type=["null", "int"], default=None),
    "a field with a default": add("seats", type="int", default=1),
    "an optional field removed": remove_optional,
    "another doc": lambda d: d.update(doc="Other words."),
}


@pytest.mark.parametrize(("edit", "says"), BREAKING.values(), ids=list(BREAKING))
def test_a_breaking_change_is_found_and_explained(edit: Edit, says: str) -> None:
    found = breaking_changes({1: PAGE_VIEW, 2: edited(edit)})
    sentences = [each.describe() for each in found]
    assert any(part in sentence for sentence in sentences for part in says.split("|")), sentences
    assert all("Instead: " in sentence and "version 1" in sentence for sentence in sentences)


@pytest.mark.parametrize("edit", COMPATIBLE.values(), ids=list(COMPATIBLE))
def test_a_compatible_change_passes_and_old_subscribers_can_still_read(edit: Edit) -> None:
    new = edited(edit)
    assert breaking_changes({1: PAGE_VIEW, 2: new}) == []
    assert lint(new) == []


def test_versions_that_are_not_neighbours_are_compared_too() -> None:
    without = edited(remove_optional)
    again = edited(lambda d: (remove_optional(d), add("title", type="long", default=0)(d))[0])
    found = breaking_changes({1: PAGE_VIEW, 2: without, 3: again})
    assert {(each.reader, each.writer) for each in found} == {(1, 3), (3, 1)}


def test_every_published_schema_is_compatible_with_all_its_versions() -> None:
    for name in latest():
        versions = {schema.version: schema.definition for schema in by_id().values() if schema.name == name}
        assert breaking_changes(versions) == []
        assert lint(versions[max(versions)]) == []


def test_an_old_reader_reads_what_is_written_after_a_compatible_change() -> None:
    new = edited(add("seats", type=["null", "int"], default=None))
    record = event("page_view", event_data={"page": "/", "seats": 3})
    written = io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(new), record)
    written.seek(0)
    read = fastavro.schemaless_reader(written, fastavro.parse_schema(new), fastavro.parse_schema(PAGE_VIEW))
    assert read["event_data"] == {"page": "/", "referrer": None, "title": None, "properties": "{}"}


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda d: d.pop("doc"), "has no doc"),
        (set_type("time_flag", {"type": "enum", "name": "Flag", "symbols": ["ok"]}), "is an enum"),
        (set_type("page", ["null", "string", "long"]), "more than null and one other type"),
        (set_type("event_data", {"type": "map", "values": "string"}), "/event_data must be a record"),
        (lambda d: data(d)["fields"].pop(), "last field is properties"),
        (add("labels", type={"type": "array", "items": "string"}), "is of type array"),
        (add("labels", type={"type": "map", "values": "string"}), "is of type map"),
        (add("raw", type="bytes"), "is of type bytes"),
        (add("more", type={"type": "string", "logicalType": "json"}), "nothing else, is a JSON text"),
        (lambda d: field(d, "page").pop("default"), '"default": null'),
        (lambda d: field(d, "page").update(aliases=["path"]), "aliases"),
    ],
)
def test_a_schema_that_tools_could_not_read_or_that_could_not_be_extended_is_reported(
    edit: Edit, says: str
) -> None:
    assert any(says in fault for fault in lint(edited(edit)))
