"""Records become rows or dead letters; of several events with one id, the first becomes a row."""

from avro_schemas.schema import latest
from avro_schemas.wire import codec
from sinks.landing.rows import as_sent, decode_batch, to_row
from tests.support.events import NOON, Record, encoded, event, fresh_id


def record(offset: int, value: bytes | None) -> Record:
    return Record(offset, NOON, None, value)


def test_the_first_event_of_an_id_becomes_a_row_and_the_others_are_counted() -> None:
    one, other = encoded(event("click")), encoded(event("scroll"))
    batch = decode_batch({3: [record(7, one), record(8, other), record(9, one)]}, {3: 5})
    assert [row.event_type for _partition, _record, row in batch.rows] == ["click", "scroll"]
    covered = batch.ranges[3]
    assert (covered.start, covered.next, covered.duplicates) == (5, 10, 1)


def test_a_record_that_is_not_an_event_becomes_a_dead_letter_with_its_bytes() -> None:
    erasure = codec.encode(latest()["erasure"], {"user_key": b"u" * 16, "requested_at": 1, "receipt": None})
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


def test_a_page_that_event_data_holds_is_not_stored_twice() -> None:
    same = to_row(record(0, encoded(event("page_view", page="/"))))
    assert (same.page, same.event_data["page"]) == (None, "/")
    only_in_event = to_row(record(0, encoded(event("click", page="/a"))))
    assert only_in_event.page == "/a"


def test_defaults_that_avro_filled_in_are_left_out_of_typed_events() -> None:
    assert as_sent({"page": "/", "title": None, "properties": {}, "n": 0, "b": False}) == {
        "page": "/",
        "n": 0,
        "b": False,
    }
