"""Partitions by day: every id lies within the bounds of its day, and the days around today exist."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids
from sinks.retention.partitions import day_of, days_to_create, id_bounds, raw_table_name
from tests.support.events import fresh_id


@given(st.integers(0, 4_000_000_000_000))
def test_every_id_lies_within_the_bounds_of_its_day(moment: int) -> None:
    event_id = event_ids.to_uuid(fresh_id(moment))
    day = day_of(event_id.bytes)
    low, high = id_bounds(day)
    assert low <= event_id < high
    assert day == datetime.fromtimestamp(moment / 1000, UTC).date()


def test_partitions_reach_back_as_far_as_the_ids_that_clients_may_choose() -> None:
    days = days_to_create(date(2026, 3, 1))
    assert (days[0], days[-1]) == (date(2026, 2, 21), date(2026, 3, 15))
    assert raw_table_name(days[0]) == "raw_events_20260221"
