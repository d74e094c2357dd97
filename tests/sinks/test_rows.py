"""From records to rows: the first of an id wins, what is no event becomes a dead letter."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from sinks.landing.rows import as_sent, decode_batch, to_row
from sinks.retention.partitions import day_of, days_to_create, id_bounds, raw_table_name
from tests.support.events import NOON, Record, encoded, event, fresh_id


def record(offset: int, value: bytes | None) -> Record:
    return Record(offset, NOON, None, value)


def test_the_first_of_a_repeated_id_wins_and_the_others_are_counted() -> None:
    one, other = encoded(event("click")), encoded(event("scroll"))
    batch = decode_batch({3: [record(7, one), record(8, other), record(9, one)]}, {3: 5})
    assert [row.event_type for _partition, _record, row in batch.rows] == ["click", "scroll"]
    span = batch.ranges[3]
    assert (span.start, span.next, span.duplicates) == (5, 10, 1)


def test_what_is_no_event_becomes_a_dead_letter_with_its_bytes() -> None:
    rate = codec.encode(latest()["erasure"], {"user_key": b"u" * 16, "requested_at": 1, "receipt": None})
    bad_id = encoded(event("click", event_id="evt_abc123"))
    far_id = encoded(event("click", event_id=fresh_id(2**47)))
    far_time = encoded(event("click", occurred_at=2**60))
    values = [b"rubbish", None, rate, bad_id, far_id, far_time]
    batch = decode_batch({0: [record(offset, value) for offset, value in enumerate(values)]}, {0: 0})
    reasons = [(letter.offset, letter.reason, letter.value) for letter in batch.dead_letters]
    assert reasons == [
        (0, "prefix_missing", b"rubbish"),
        (1, "value_empty", None),
        (2, "schema_unexpected", rate),
        (3, "event_id_invalid", bad_id),
        (4, "event_id_time", far_id),
        (5, "timestamp_out_of_range", far_time),
    ]
    assert (batch.rows, batch.ranges[0].next) == ([], 6)


def test_a_page_that_stands_in_the_data_is_not_kept_twice() -> None:
    same = to_row(record(0, encoded(event("page_view", page="/"))))
    assert (same.page, same.event_data["page"]) == (None, "/")
    only_in_head = to_row(record(0, encoded(event("click", page="/a"))))
    assert only_in_head.page == "/a"


def test_what_avro_filled_in_is_left_out_of_typed_events() -> None:
    assert as_sent({"page": "/", "title": None, "properties": {}, "n": 0, "b": False}) == {
        "page": "/",
        "n": 0,
        "b": False,
    }


@given(st.integers(0, 4_000_000_000_000))
def test_every_id_lies_within_the_bounds_of_its_day(moment: int) -> None:
    event_id = event_ids.to_uuid(fresh_id(moment))
    day = day_of(event_id)
    low, high = id_bounds(day)
    assert low <= event_id < high
    assert day == datetime.fromtimestamp(moment / 1000, UTC).date()


def test_partitions_reach_back_as_far_as_a_clients_id_may_lie() -> None:
    days = days_to_create(date(2026, 3, 1))
    assert (days[0], days[-1]) == (date(2026, 2, 21), date(2026, 3, 15))
    assert raw_table_name(days[0]) == "raw_events_20260221"
