"""The fast reader reads what the rule reads, and takes nothing else for an event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.schema import Schema, by_id
from avro_schemas.wire import codec
from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import EVENT_SCHEMAS
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.event_reader import CountedEvent
from tests.support.avro_strategies import fitting
from tests.support.events import NOON, Record, event, fresh_id

READER = LIVE_AGGREGATES.reader
EVENTS = [schema for schema in by_id().values() if schema.name in EVENT_SCHEMAS]
moments = st.integers(NOON - 10**10, NOON + 10**8)
keys = st.none() | st.binary(min_size=16, max_size=16)
_USUAL = {"string": "/", "double": 1.0}
lengths = st.sampled_from([0, 1, 62, 63, 64, 65, 127, 128, 191, 192, 5000])


@st.composite
def events(draw: st.DrawFn) -> tuple[Schema, dict[str, Any]]:
    """Events of every schema and version, with texts of any length."""
    schema = draw(st.sampled_from(EVENTS))
    own = draw(fitting(schema.wire["fields"][-1]["type"]))
    text = next((name for name, value in own.items() if isinstance(value, str)), None)
    if text and draw(st.booleans()):
        own[text] = draw(st.sampled_from("aé\0")) * draw(lengths)
    fields = event(
        "click" if schema.name == "custom" else schema.name,
        NOON,
        occurred_at=draw(moments),
        sent_at=draw(st.none() | moments),
        session_key=draw(keys),
        event_data=own,
        event_id=fresh_id(draw(moments)),
        page=draw(st.none() | st.text("/ab", max_size=70)),
    )
    fields["device"]["browser"] = draw(st.sampled_from(["Chrome", "", "Ünknown"]))
    return schema, of_this_version(schema, fields)


def of_this_version(schema: Schema, fields: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that the first versions did not have."""
    device = next(field["type"] for field in schema.wire["fields"] if field["name"] == "device")
    known = {field["name"] for field in device["fields"]}
    return fields | {"device": {name: value for name, value in fields["device"].items() if name in known}}


def outcome(record: Record, how: Any) -> CountedEvent | str:
    try:
        read: CountedEvent = how(record)
    except Undecodable as error:
        return error.reason
    return read


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Compiled before, as that takes longer than an example may."""
    for schema in EVENTS:
        outcome(Record(0, NOON, None, schema.prefix), READER.read)


@given(events())
def test_an_event_is_read_the_same_at_first_sight_and_from_the_cache(drawn: tuple[Schema, dict[str, Any]]) -> None:
    schema, fields = drawn
    record = Record(0, NOON, b"key", codec.encode(schema, fields))
    expected = outcome(record, READER.decode)
    assert [outcome(record, READER.read), outcome(record, READER.read)] == [expected, expected]


@given(events(), st.data())
def test_whatever_bytes_come_the_result_is_what_the_rule_reads(
    drawn: tuple[Schema, dict[str, Any]], data: st.DataObject
) -> None:
    value = codec.encode(*drawn)
    outcome(Record(0, NOON, None, value), READER.read)  # its columns are cached from now on
    broken = bytearray(value)
    for _ in range(data.draw(st.integers(0, 2))):
        broken[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    record = Record(0, NOON, None, bytes(broken[: data.draw(st.integers(0, len(value) + 1))]))
    assert outcome(record, READER.read) == outcome(record, READER.decode)


@pytest.mark.parametrize("schema", EVENTS, ids=lambda schema: f"{schema.name}.v{schema.version}")
def test_the_events_of_every_schema_have_the_usual_shape(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise all of them would take the slow path, and nobody would notice."""
    own = schema.wire["fields"][-1]["type"].get("fields", ())
    needed = {field["name"]: _USUAL[field["type"]] for field in own if "default" not in field}
    fields = of_this_version(schema, event("click", event_data=needed, session_key=bytes(16)))
    record = Record(0, NOON, None, codec.encode(schema, fields))
    READER.read(record)
    monkeypatch.setattr(READER, "decode", None)
    assert READER.read(record).schema == schema.name
