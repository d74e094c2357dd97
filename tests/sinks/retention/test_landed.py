"""What landing adds to the accounts of days: rows by hour and type, and the sum of their ids."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sinks.landing.rows import decode_batch
from sinks.retention.content import id_sum
from sinks.retention.rollups import count_by_hour
from tests.support.events import NOON, Record, encoded, event

HOUR_MS = 3_600_000
MINUTES = st.integers(-180, 180)


@given(st.lists(st.tuples(MINUTES, st.sampled_from(("click", "scroll"))), min_size=1, max_size=8))
def test_rows_are_counted_by_hour_and_type_within_one_hour_and_across_several(
    sent: list[tuple[int, str]],
) -> None:
    times = [(NOON + minutes * 60_000, event_type) for minutes, event_type in sent]
    records = [
        Record(offset, NOON, None, encoded(event(event_type, at))) for offset, (at, event_type) in enumerate(times)
    ]
    rows = [row for _partition, _record, row in decode_batch({0: records}, {0: 0}).rows]
    assert len(rows) == len(sent)
    assert count_by_hour(rows) == Counter((at // HOUR_MS, event_type) for at, event_type in times)


@given(st.lists(st.binary(min_size=16, max_size=16)))
def test_ids_add_up_by_their_last_eight_bytes_as_signed_numbers(event_ids: list[bytes]) -> None:
    assert id_sum(event_ids) == sum(int.from_bytes(each[8:], "big", signed=True) for each in event_ids)
