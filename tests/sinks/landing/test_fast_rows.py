"""The fast reader makes the same rows as the rule, and takes nothing else for an event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.schema import Schema, latest
from avro_schemas.wire import codec
from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import EVENT_SCHEMAS, KEYS
from sinks.landing import fast_rows
from sinks.landing.event_row import PLAIN_FIELDS, EventRow, to_row
from sinks.landing.fast_rows import FastRowReader
from tests.support.avro_strategies import fitting
from tests.support.events import NOON, Record, encoded, event, fresh_id, user_key

EVENTS = [latest()[name] for name in sorted(EVENT_SCHEMAS)]
PATHS = st.none() | st.sampled_from(["", "/", "/a", "/ü"]) | st.text("/ab", max_size=200)
MOMENTS = st.integers(NOON - 10**10, NOON + 10**8)
TEXTS = st.sampled_from(
    ["", "a", "é", '"', "\\", "\n", "\x7f", "\0", "x" * 63, "x" * 64, "x" * 191, "x" * 192, "x" * 600]
)


def record(value: bytes | None) -> Record:
    return Record(0, NOON, None, value)


@st.composite
def events(draw: st.DrawFn) -> tuple[Schema, dict[str, Any]]:
    """Events of every schema; half of them have the usual shape, and many share their heads."""
    schema = draw(st.sampled_from(EVENTS))
    usual = draw(st.booleans())
    own = draw(fitting(schema.wire["fields"][-1]["type"]))
    for name, value in own.items():
        if isinstance(value, str) and name != "properties" and draw(st.booleans()):
            own[name] = draw(TEXTS)
    fields = event(
        "click" if schema.name == "custom" else schema.name,
        NOON,
        occurred_at=draw(MOMENTS),
        sent_at=draw(st.none() | MOMENTS),
        received_at=draw(MOMENTS),
        event_id=fresh_id(draw(MOMENTS)),
        time_flag=draw(st.sampled_from(["ok", "past", "later"])),
        page=draw(PATHS),
        route=draw(PATHS),
        **{name: draw(st.none() | st.just(user_key(name).hex())) for name in KEYS},
        **{
            name: draw(st.sampled_from(["a", "b"]) if usual or name == "site" else st.none() | TEXTS)
            for name in PLAIN_FIELDS
        },
    )
    if "page" in own and draw(st.booleans()):
        fields["page"] = own["page"]
    return schema, fields | {"event_data": own}


def outcome(made: Record, how: Any) -> EventRow | tuple[str, str]:
    try:
        row: EventRow = how(made)
    except Undecodable as error:
        return error.reason, str(error)
    return row


READER = FastRowReader()


@given(events(), st.sampled_from(["{}", '{"a": 1}', '{"a": {"b": "}"}}', " {}", "[]", "{}, {}", "x"]))
def test_the_fast_reader_reads_what_the_rule_reads(drawn: tuple[Schema, dict[str, Any]], properties: str) -> None:
    schema, fields = drawn
    for changes in ({}, {"properties": properties}):
        made = record(codec.encode(schema, fields | {"event_data": fields["event_data"] | changes}))
        expected = outcome(made, to_row)
        # The first time it may have to learn what the event shares with others.
        assert outcome(made, READER.read) == expected
        assert outcome(made, READER.read) == expected


@given(events(), st.data())
def test_the_fast_reader_reads_nothing_that_the_rule_rejects(
    drawn: tuple[Schema, dict[str, Any]], data: st.DataObject
) -> None:
    value = codec.encode(*drawn)
    outcome(record(value), READER.read)
    broken = bytearray(value)
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    cut = record(bytes(broken[: data.draw(st.integers(0, len(value) + 1))]))
    assert outcome(cut, READER.read) == outcome(cut, to_row)


@pytest.mark.parametrize("event_type", ["page_view", "click", "web_vital", "form_submit", "button_click"])
def test_usual_events_are_not_decoded_field_by_field(event_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data: dict[str, dict[str, Any]] = {
        "web_vital": {"metric": "LCP", "value": 1.5, "page": "/"},
        "form_submit": {"form": "signup", "page": "/", "success": True, "field_count": 300},
        "button_click": {"button": "buy", "page": "/", "properties": {"plan": "team"}},
    }
    head = {"user_key": user_key("ann"), "country": "CO", "page": "/", "route": "/"}
    head |= {"event_data": data[event_type]} if event_type in data else {}
    reader, decoded = FastRowReader(), list[Record]()

    def rule(made: Record) -> EventRow:
        decoded.append(made)
        return to_row(made)

    monkeypatch.setattr(fast_rows, "to_row", rule)
    for _ in range(3):
        made = record(encoded(event(event_type, **head)))
        assert reader.read(made) == to_row(made)
    assert len(decoded) == 1


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_rows, "_MAX_CACHED", 3)
    monkeypatch.setattr(fast_rows, "_MAX_CACHED_TEXTS", 3)
    reader = FastRowReader()
    for number in range(20):
        made = record(encoded(event("page_view", release=str(number), event_data={"page": f"/{number}"})))
        assert reader.read(made) == reader.read(made) == to_row(made)
    caches = [
        cell.cell_contents
        for read in reader._readers.values()
        for cell in read.__closure__ or ()  # type: ignore[attr-defined] # a function
        if isinstance(cell.cell_contents, dict)
    ]
    assert 0 < max(map(len, caches)) <= 3
    assert len(reader._readers) == 1
    for number in range(20):
        with pytest.raises(Undecodable):
            reader.read(record(bytes([0, 0, 0, 0, number]) + b"rubbish"))
    assert len(reader._readers) == 1
