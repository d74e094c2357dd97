"""The fast reader reads what the rule reads, and takes nothing else for an event."""

from itertools import product
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.schema import Schema, by_id
from avro_schemas.wire import codec
from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import EVENT_SCHEMAS, KEYS
from stream_app.state.dimensions import LIVE_AGGREGATES, Dimension, Dimensions
from stream_app.state.event_reader import CountedEvent, FastEventReader
from tests.support.avro_strategies import fitting
from tests.support.events import NOON, Record, encoded, event, fresh_id, in_avro

READER = LIVE_AGGREGATES.reader
EVENTS = [schema for schema in by_id().values() if schema.name in EVENT_SCHEMAS]
# The sampled ones are where an id begins or ends to be fresh.
moments = st.integers(NOON - 10**10, NOON + 10**8) | st.sampled_from(
    [NOON, NOON - 240_000, NOON - 240_001, NOON + 60_000, NOON + 60_001, NOON - 60_000]
)
# Those of others may be anything.
keys = (
    st.none()
    | st.binary(min_size=16, max_size=16).map(bytes.hex)
    | st.sampled_from(["", "AB" * 16, "ab" * 15, "x" * 32, "é" * 16])
)
lengths = st.sampled_from([0, 1, 62, 63, 64, 65, 127, 128, 191, 192, 511, 512, 5000])
texts = st.none() | st.text("/ab", max_size=70) | st.sampled_from(["default", "direct", "Ünknown", "\x80", "\0"])
TEXTS = [field["name"] for field in EVENTS[0].wire["fields"] if field["type"] == ["null", "string"]]
_USUAL = {"string": "/", "double": 1.0}


@st.composite
def events(draw: st.DrawFn) -> tuple[Schema, dict[str, Any]]:
    """Events of every schema and version, with texts of any length."""
    schema = draw(st.sampled_from(EVENTS))
    own = draw(fitting(schema.wire["fields"][-1]["type"]))
    text = next((name for name, value in own.items() if isinstance(value, str)), None)
    if text and draw(st.booleans()):
        own[text] = draw(st.sampled_from("aé\0")) * draw(lengths)
    fields = in_avro(schema, event(schema.name)) | {
        name: draw(texts) for name in draw(st.sets(st.sampled_from(TEXTS)))
    }
    fields |= {
        "event_id": fresh_id(draw(moments)),
        "occurred_at": draw(moments),
        "received_at": draw(moments),
        "sent_at": draw(st.none() | moments),
        "site": draw(texts.filter(bool)),
        "user_key": draw(keys),
        "visitor_key": draw(keys),
        "session_key": draw(keys),
        "event_data": own,
    }
    fields["device"] = fields["device"] | {"browser": draw(texts.filter(bool)), "bot": draw(texts)}
    return schema, fields


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
    own = schema.wire["fields"][-1]["type"]["fields"]
    needed = {field["name"]: _USUAL[field["type"]] for field in own if "default" not in field}
    # As long as they may be in the usual shape; every event of a browser has most of them.
    usual = dict.fromkeys(TEXTS, "x" * 63) | dict.fromkeys(KEYS, "ab" * 16)
    fields = event(schema.name) | usual | {"site": "x" * 63, "event_data": needed, "sent_at": NOON}
    READER.read(Record(0, NOON, None, codec.encode(schema, fields)))
    monkeypatch.setattr(READER, "decode", None)
    # What it ends with is new, so it is matched.
    again = codec.encode(schema, fields | {"hostname": "y" * 63})
    assert READER.read(Record(0, NOON, None, again)).schema == schema.name


def test_an_end_that_came_before_is_known_whatever_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    def view(page: str, visitor: bytes) -> Record:
        fields = event("page_view", event_data={"page": page, "title": "é" * 20}, visitor_key=visitor)
        return Record(0, NOON, None, encoded(fields))

    READER.read(view("/straße", b"v" * 16))
    monkeypatch.setattr(READER, "decode", None)
    assert ("page", "/straße") in named(READER.read(view("/straße", b"w" * 16)))
    with pytest.raises(TypeError):  # a new one is decoded
        READER.read(view("/maß", b"v" * 16))


def test_a_page_and_a_country_that_came_before_are_known_together_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the many pairs of them would take the slow path."""

    def view(page: str, country: str | None) -> Record:
        fields = event("page_view", event_data={"page": page}, country=country)
        return Record(0, NOON, None, encoded(fields))

    reader = FastEventReader(LIVE_AGGREGATES.columns)
    for record in (view("/", "DE"), view("/pricing", None)):
        reader.read(record)
    monkeypatch.setattr(reader, "decode", None)
    for page, country in product(("/", "/pricing"), ("DE", None)):
        assert {("page", page), ("country", country)} <= named(reader.read(view(page, country)))


def named(event: CountedEvent) -> set[tuple[str, Any]]:
    """The own columns of an event."""
    groups = LIVE_AGGREGATES.columns.own[event.schema]
    values = [zip(names, columns, strict=True) for names, columns in zip(groups, event.own, strict=True)]
    return {(name.rpartition(".")[2], value) for pairs in values for name, value in pairs}


def test_a_column_may_be_counted_of_every_event_and_of_one_schema() -> None:
    of_views = Dimension("of_views", "", ("device.kind", "event_data.page"), "page_view", "{} {}".format)
    of_all = Dimension("of_all", "", ("device.kind",))
    reader = Dimensions((of_all, of_views)).reader
    for kind in ("desktop", "mobile", "desktop"):
        device = event()["device"] | {"kind": kind}
        read = reader.read(Record(0, NOON, None, encoded(event("page_view", device=device))))
        assert (read.common, read.own) == (("page_view", kind), ((kind, "/"),))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("uvs", "uv"),
        ("us", "u"),
        ("vs", "v"),
        ("s", "s"),
        ("", ""),
    ],
)
def test_people_have_a_user_and_a_visitor_else_a_session(keys: str, expected: str) -> None:
    names = {"u": "user_key", "v": "visitor_key", "s": "session_key"}
    sent = {names[key]: key.encode() * 16 for key in keys}
    record = Record(0, NOON, None, encoded(event(**sent)))
    user = ("u" * 16).encode().hex().encode() if "u" in expected else None
    visitor = (expected.strip("u") * 16).encode().hex().encode() or None
    for read in (READER.decode, READER.read, READER.read):
        assert (read(record).user, read(record).visitor) == (user, visitor)


def test_the_properties_of_a_custom_event_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many of them come only once, and decoding each would cost more than all else."""

    def used(**properties: Any) -> Record:
        return Record(0, NOON, None, encoded(event("feature_used", event_data=properties)))

    READER.read(used(a=1))
    monkeypatch.setattr(READER, "decode", None)
    for properties in ({}, {"a": "b"}, {"a": "b" * 100}, {"a": "b" * 490}):
        assert READER.read(used(**properties)).own == ((orjson.dumps(properties),),)
    with pytest.raises(TypeError):  # of another shape, so it is decoded
        READER.read(used(a="é"))
