"""Records become rows or dead letters; of several events with one id, the first becomes a row."""

from typing import Any

import pytest

from avro_schemas.schema import event_schema, latest
from avro_schemas.wire import codec
from avro_schemas.wire.codec import Undecodable
from service_kit.kafka.fetches import Covered
from sinks.landing.event_row import EventRow, to_row
from sinks.landing.rows import decode_batch
from tests.support.events import NOON, Record, encoded, event, fresh_id, in_avro, user_key


def record(offset: int, value: bytes | None) -> Record:
    return Record(offset, NOON, None, value)


def row(event_type: str = "click", **changes: Any) -> EventRow:
    return to_row(record(0, encoded(event(event_type, **changes))))


def with_properties(event_type: str, text: str) -> bytes:
    """An event with this text as its properties, as only a stranger to the collector would write it."""
    schema = event_schema(event_type)
    fields = in_avro(schema, event(event_type))
    fields["event_data"]["properties"] = text
    return codec.encode(schema, fields)


def test_the_first_event_of_an_id_may_become_a_row_and_the_others_are_repeats() -> None:
    one, other = encoded(event("click")), encoded(event("scroll"))
    batch = decode_batch({3: [record(7, one), record(8, other), record(9, one)]}, {3: 5})
    assert [row.event_type for _partition, _record, row in batch.rows] == ["click", "scroll"]
    covered = batch.ranges[3]
    assert (covered.start, covered.next) == (5, 10)
    assert [record.offset for _partition, record, _row in batch.repeats] == [9]


def test_a_record_that_is_not_an_event_becomes_a_dead_letter_with_its_bytes() -> None:
    erasure = codec.encode(latest()["erasure"], {"user_key": "0" * 32, "requested_at": 1, "receipt": None})
    bad_id = encoded(event("click", event_id="evt_abc123"))
    far_id = encoded(event("click", event_id=fresh_id(2**47)))
    far_time = encoded(event("click", occurred_at=2**60))
    values = [b"rubbish", None, erasure, bad_id, far_id, far_time]
    batch = decode_batch({0: [record(offset, value) for offset, value in enumerate(values)]}, {0: 0})
    reasons = [(dead_letter.offset, dead_letter.reason, dead_letter.value) for dead_letter in batch.dead_letters]
    assert reasons == [
        (0, "prefix_missing", b"rubbish"),
        (1, "value_empty", None),
        (2, "schema_unexpected", erasure),
        (3, "event_id_invalid", bad_id),
        (4, "event_id_time", far_id),
        (5, "timestamp_out_of_range", far_time),
    ]
    assert (batch.rows, batch.ranges[0].next) == ([], 6)


def test_a_row_has_every_field_of_the_head() -> None:
    texts = {name: name for name in EventRow._fields[EventRow._fields.index("site") :]}
    keys = {name: user_key(name) for name in ("user_key", "visitor_key", "session_key")}
    device = {"browser": "b", "system": "s", "kind": "k", "bot": "script"}
    found = row(**texts, **keys, page="/a/7", route="/a/:id", sent_at=NOON + 1, time_flag="past", device=device)
    assert {name: getattr(found, name) for name in texts} == texts
    assert {name: getattr(found, name) for name in keys} == keys
    assert (found.page, found.route, found.sent_at, found.time_flag) == ("/a/7", "/a/:id", NOON + 1, 2)
    assert found.device == ("b", "s", "k", "script")


def test_a_page_that_event_data_holds_and_a_route_that_is_the_page_are_not_stored_twice() -> None:
    same = row("page_view", page="/", route="/")
    assert (same.page, same.route, same.event_data) == (None, "", b'{"page":"/"}')
    other = row("page_view", page="/a", route="/")
    assert (other.page, other.route) == ("/a", "/")
    # Free data may hold anything as its page, and is not parsed here.
    custom = row("click", page="/", event_data={"page": "/"})
    assert (custom.page, custom.route, custom.event_data) == ("/", None, b'{"page":"/"}')


def test_free_data_is_the_text_that_was_published_and_defaults_of_avro_are_left_out() -> None:
    assert row("click", event_data={"a": [1, {"b": None}]}).event_data == b'{"a":[1,{"b":null}]}'
    form = {"form": "signup", "page": "/", "success": False}
    assert row("form_submit", event_data=form).event_data == b'{"form":"signup","page":"/","success":false}'
    with_free = row("form_submit", event_data=form | {"properties": {"a": {"b": "}"}}}).event_data
    assert with_free == b'{"form":"signup","page":"/","success":false,"properties":{"a":{"b":"}"}}}'


@pytest.mark.parametrize("event_type", ["click", "page_view"])
@pytest.mark.parametrize("text", ["", "7", "null", '"{}"', "[]", " [{}]", "\n"])
def test_properties_that_are_not_an_object_are_refused(event_type: str, text: str) -> None:
    with pytest.raises(Undecodable, match=r"event_data\.properties is not") as refused:
        to_row(record(0, with_properties(event_type, text)))
    assert refused.value.reason == "body_undecodable"


@pytest.mark.parametrize(
    "text", ['{}, "title": {}', '{"a": 1}}', '{}, "page": 7', "{} {}", "{", '{"a": "}", "b": }']
)
def test_properties_cannot_leave_their_place_in_typed_data(text: str) -> None:
    with pytest.raises(Undecodable, match="properties is not JSON"):
        to_row(record(0, with_properties("page_view", text)))


def test_white_space_around_properties_is_json() -> None:
    assert to_row(record(0, with_properties("click", ' {"a": 1}\n'))).event_data == b' {"a": 1}\n'
    spaced = to_row(record(0, with_properties("page_view", ' {"a": 1}\n'))).event_data
    assert spaced == b'{"page":"/","properties": {"a": 1}\n}'


def test_a_number_of_more_than_64_bits_is_refused() -> None:
    """Avro's numbers have at most 64 bits, but their form allows for more."""
    value = encoded(event("form_submit", event_data={"form": "f", "page": "/", "success": True, "field_count": 7}))
    place = value.rindex(b"\2\x0e")
    broken = value[: place + 1] + b"\xff" * 9 + b"\x7f" + value[place + 2 :]
    with pytest.raises(Undecodable):
        to_row(record(0, broken))


def test_offsets_without_a_record_are_an_account_of_their_own() -> None:
    """Those within the fetch are empty; those before it, which Kafka removed, are not explained by that."""
    one = encoded(event("click"))
    batch = decode_batch(
        {
            0: Covered([record(7, one), record(9, one)], 6, 12, epoch=3),
            1: Covered((), 4, 5, epoch=2),
        },
        {0: 5, 1: 4},
    )
    covered = {p: (each.start, each.next, each.empty, each.epoch) for p, each in batch.ranges.items()}
    assert covered == {0: (5, 12, 4, 3), 1: (4, 5, 1, 2)}
    assert (len(batch.rows), len(batch.repeats)) == (1, 1)
