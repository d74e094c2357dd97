"""Confluent's own Python client, unchanged, gets from this registry what it gets from Confluent's."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    AsyncSchemaRegistryClient,
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext
from fastavro.read import SchemaResolutionError
from fastavro.utils import generate_one

from avro_schemas.schema import by_id, latest
from tests.support.registry_server import registry_server

PAGE_VIEW = latest()["page_view"]
RECORD = "footfall.PageView"

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with registry_server() as address:
        yield address


@pytest.fixture(params=["sync", "async"])
def call(url: str, request: pytest.FixtureRequest) -> Call:
    """Call a method of the client by its name, and wait for it if it is asynchronous."""

    async def called(method: str, *arguments: Any, **named: Any) -> Any:
        if request.param == "sync":
            with SchemaRegistryClient({"url": url}) as client:
                return getattr(client, method)(*arguments, **named)
        async with AsyncSchemaRegistryClient({"url": url}) as client:
            return await getattr(client, method)(*arguments, **named)

    return called


def printed_otherwise(text: str) -> str:
    return json.dumps(dict(reversed(json.loads(text).items())), indent=3)


async def test_it_reads_schemas_and_where_they_are(call: Call) -> None:
    assert (await call("get_schema", PAGE_VIEW.id)).schema_str == PAGE_VIEW.text
    assert (await call("get_schema", PAGE_VIEW.id, subject_name=":.:events-value")).schema_str == PAGE_VIEW.text
    assert (await call("get_schema_by_guid", PAGE_VIEW.guid)).schema_str == PAGE_VIEW.text
    assert RECORD in await call("get_subjects_by_schema_id", PAGE_VIEW.id)
    assert len(await call("get_subjects_by_schema_id", PAGE_VIEW.id, offset=1, limit=1)) == 1
    used = await call("get_schema_versions", PAGE_VIEW.id)
    assert (RECORD, PAGE_VIEW.version) in {(version.subject, version.version) for version in used}
    assert await call("get_schema_types") == ["AVRO"]
    assert await call("get_contexts") == ["."]


@pytest.mark.parametrize("subject", [RECORD, f":.:{RECORD}", "events-value"])
async def test_it_finds_subjects_in_the_default_context(call: Call, subject: str) -> None:
    assert await call("get_versions", subject)
    newest = await call("get_latest_version", subject)
    assert newest.schema_id in by_id()
    assert (await call("get_version", subject, newest.version)).schema_id == newest.schema_id
    assert (await call("get_latest_with_metadata", subject, {})).schema_id == newest.schema_id
    assert await call("get_referenced_by", subject, newest.version) == []
    assert await call("get_mode", subject) == "READONLY"


async def test_it_lists_subjects_by_prefix(call: Call) -> None:
    everything = await call("get_subjects")
    assert await call("get_subjects", subject_prefix=":.:") == everything
    assert await call("get_subjects", subject_prefix=":*:") == everything
    assert await call("get_subjects", subject_prefix=":.:footfall.Page") == [RECORD]
    assert await call("get_subjects", subject_prefix=":.another:") == []
    assert await call("get_subjects", deleted=True, offset=1, limit=2) == everything[1:3]


async def test_it_looks_up_and_registers_a_known_schema_in_any_layout(call: Call) -> None:
    schema = Schema(printed_otherwise(PAGE_VIEW.text), "AVRO")
    assert (await call("lookup_schema", RECORD, schema, normalize_schemas=True)).schema_id == PAGE_VIEW.id
    assert await call("register_schema", f":.:{RECORD}", schema) == PAGE_VIEW.id


async def test_it_checks_compatibility(call: Call) -> None:
    assert await call("test_compatibility", RECORD, Schema(PAGE_VIEW.text, "AVRO")) is True
    assert await call("test_compatibility", "events-value", Schema(PAGE_VIEW.text, "AVRO")) is True
    assert await call("test_compatibility_all_versions", RECORD, Schema('"string"', "AVRO")) is False
    assert await call("get_compatibility", RECORD) == "FULL_TRANSITIVE"
    assert await call("get_compatibility") == "FULL_TRANSITIVE"


@pytest.mark.parametrize(
    ("method", "arguments", "status", "code"),
    [
        ("get_schema", (7,), 404, 40403),
        ("get_latest_version", (":.another:footfall.PageView",), 404, 40401),
        ("get_latest_with_metadata", (RECORD, {"owner": "me"}), 404, 40403),
        ("get_version", (RECORD, 99), 404, 40402),
        ("get_compatibility", ("nobody",), 404, 40408),
        ("get_mode", ("nobody",), 404, 40409),
        ("register_schema", (RECORD, Schema('"string"', "AVRO")), 422, 42205),
        ("register_schema", (RECORD, Schema("{}", "JSON")), 422, 42201),
        ("lookup_schema", (RECORD, Schema("no avro", "AVRO")), 422, 42201),
        (
            "test_compatibility",
            (RECORD, Schema('"other"', "AVRO", [SchemaReference("other", "other", 1)])),
            422,
            42201,
        ),
        ("delete_subject", (RECORD,), 422, 42205),
        ("delete_version", (RECORD, 1), 422, 42205),
        ("set_compatibility", (RECORD, "NONE"), 422, 42205),
        ("set_compatibility", (None, "NONE"), 422, 42205),
        ("update_mode", (RECORD, "IMPORT"), 422, 42205),
        ("update_global_mode", ("READWRITE",), 422, 42205),
        ("delete_mode", (RECORD,), 422, 42205),
    ],
)
async def test_its_errors_have_confluents_codes(
    call: Call, method: str, arguments: tuple[Any, ...], status: int, code: int
) -> None:
    with pytest.raises(SchemaRegistryError) as refused:
        await call(method, *arguments)
    assert (refused.value.http_status_code, refused.value.error_code) == (status, code)
    assert refused.value.error_message


EVENTS = SerializationContext("events", MessageField.VALUE)
LATEST_OF_THE_RECORD = {"use.latest.version": True, "subject.name.strategy": record_subject_name_strategy}


@pytest.mark.parametrize("record", ["page_view", "button_click"])
def test_producers_and_consumers_that_want_the_latest_schema_name_subjects_by_record(
    url: str, record: str
) -> None:
    schema = latest()[record]
    event = generate_one(schema.definition)
    may_not_register = {"auto.register.schemas": False}
    with SchemaRegistryClient({"url": url}) as client:
        serializer = AvroSerializer(client, schema.text, conf=may_not_register | LATEST_OF_THE_RECORD)
        value = serializer(event, EVENTS)
        assert value is not None
        assert value[:5] == schema.prefix
        assert AvroSerializer(client, schema.text, conf=may_not_register)(event, EVENTS) == value
        assert AvroSerializer(client, schema.text)(event, EVENTS) == value
        read = AvroDeserializer(client)(value, EVENTS)
        assert AvroDeserializer(client, conf=LATEST_OF_THE_RECORD)(value, EVENTS) == read
        assert read.keys() == event.keys()


def test_the_latest_schema_of_a_topic_with_several_records_is_of_one_of_them(url: str) -> None:
    with SchemaRegistryClient({"url": url}) as client:
        newest = client.get_latest_version("events-value").schema_id
        other = next(
            schema for schema in map(latest().get, ("page_view", "custom")) if schema and schema.id != newest
        )
        value = AvroSerializer(client, other.text)(generate_one(other.definition), EVENTS)
        with pytest.raises(SchemaResolutionError):
            AvroDeserializer(client, conf={"use.latest.version": True})(value, EVENTS)
