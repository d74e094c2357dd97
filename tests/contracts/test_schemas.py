"""The contract is consistent: schema files, lock file, head, examples, event types and topics."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import fastavro
import pytest

from avro_schemas.event_types import did_you_mean, event_type_names
from avro_schemas.schema import CUSTOM, FOLDER, Schema, by_id, event_schema, latest, typed_events
from avro_schemas.topic import all_topics
from avro_schemas.validation import faults
from avro_schemas.wire import codec

LOCK = FOLDER / "lock.json"
SCHEMAS = list(by_id().values())
EVENTS = [latest()[name] for name in (*typed_events(), CUSTOM)]
RECORDS = [schema for schema in latest().values() if schema not in EVENTS]
NAME = re.compile(r"[a-zA-Z0-9\-_]+")


def named(schema: Schema) -> str:
    return f"{schema.name}.v{schema.version}"


def example(schema: Schema) -> Any:
    return json.loads((FOLDER / "examples" / f"{named(schema)}.json").read_text())


def test_every_locked_version_has_a_file_and_every_file_is_locked() -> None:
    lock = json.loads(LOCK.read_text())
    locked = {(subject, int(version)) for subject, versions in lock.items() for version in versions}
    assert locked == {(schema.subject, schema.version) for schema in SCHEMAS}
    assert len(by_id()) == len(list((FOLDER / "schemas").glob("*.avsc")))


@pytest.mark.parametrize("schema", SCHEMAS, ids=named)
def test_no_locked_schema_was_edited(schema: Schema) -> None:
    entry = json.loads(LOCK.read_text())[schema.subject][str(schema.version)]
    sha256 = hashlib.sha256(schema.text.encode()).hexdigest()
    assert entry == {"id": schema.id, "guid": schema.guid, "sha256": sha256}, (
        f"{named(schema)} differs from the lock file: a published schema never changes, add a version"
    )


def test_versions_count_up_from_one() -> None:
    for subject, versions in json.loads(LOCK.read_text()).items():
        assert sorted(map(int, versions)) == list(range(1, len(versions) + 1)), subject


@pytest.mark.parametrize("schema", EVENTS, ids=named)
def test_the_newest_version_of_every_event_begins_with_the_head(schema: Schema) -> None:
    *head, event_data = schema.definition["fields"]
    assert head == json.loads((FOLDER / "schemas" / "_head.json").read_text())
    assert event_data["name"] == "event_data"


@pytest.mark.parametrize("schema", SCHEMAS, ids=named)
def test_every_field_has_a_doc_and_every_enum_and_nullable_a_default(schema: Schema) -> None:
    for node in walk(schema.definition):
        if "name" in node and "type" in node:
            assert node.get("doc"), node["name"]
        if node.get("type") == "enum":
            assert node["default"] in node["symbols"]
        if isinstance(node.get("type"), list) and node["type"][0] == "null":
            assert node["default"] is None


def walk(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [node, *(found for value in node.values() for found in walk(value))]
    if isinstance(node, list):
        return [found for value in node for found in walk(value)]
    return []


@pytest.mark.parametrize("schema", EVENTS, ids=named)
def test_the_example_of_an_event_has_no_faults(schema: Schema) -> None:
    event = example(schema)
    assert event_schema(event["event_type"]) is schema
    assert event["event_type"] in event_type_names()
    # The collector reduces the user agent to classes before the check.
    event["event_data"].pop("user_agent", None)
    assert faults.find_faults(schema, event["event_data"]) == []


@pytest.mark.parametrize("schema", RECORDS, ids=named)
def test_the_example_of_a_record_survives_the_codec(schema: Schema) -> None:
    text = (FOLDER / "examples" / f"{named(schema)}.json").read_text()
    (record,) = fastavro.json_reader(iter([text]), schema.wire)
    assert codec.decode(codec.encode(schema, record)) == (schema, record)  # type: ignore[arg-type] # a record


def test_every_example_belongs_to_the_newest_version_of_a_schema() -> None:
    files = {path.stem for path in Path(FOLDER / "examples").glob("*.json")}
    assert files == {named(schema) for schema in latest().values()}


def test_names_of_topics_and_events_are_plain() -> None:
    # A dot in a topic's name collides with an underscore in the broker's metrics.
    for name in (*all_topics(), *event_type_names()):
        assert NAME.fullmatch(name), name


def test_every_schema_of_a_topic_exists_and_every_schema_has_a_topic() -> None:
    carried = {name for topic in all_topics().values() for name in topic.schemas}
    assert carried == set(latest())


def test_topics_that_are_derived_from_events_have_as_many_partitions() -> None:
    for name in ("live-aggregates", "user-rates", "corrections", "footfall-stream-app-state-changelog"):
        assert all_topics()[name].partitions == all_topics()["events"].partitions


def test_every_topic_sets_its_cleanup_policy() -> None:
    for topic in all_topics().values():
        policies = set(topic.config["cleanup.policy"].split(","))
        assert policies <= {"compact", "delete"}
        assert ("retention.ms" in topic.config) is ("delete" in policies), topic.name


@pytest.mark.parametrize(
    ("mistyped", "meant"), [("pageview", "page_view"), ("Button-Click", "button_click"), ("zzzz", None)]
)
def test_a_misspelt_event_type_suggests_a_similar_one(mistyped: str, meant: str | None) -> None:
    assert did_you_mean(mistyped) == meant
