"""A fresh event is one that the dedup window can judge: all fresh copies in a partition are close to each other."""

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.wire.freshness import MAX_AGE_MS, MAX_AHEAD_MS, is_fresh

NOW = 1_767_225_660_000
AROUND = st.integers(NOW - 2 * MAX_AGE_MS, NOW + 2 * MAX_AGE_MS)


def test_an_event_is_fresh_until_it_is_four_minutes_old() -> None:
    assert is_fresh(NOW, NOW, NOW + MAX_AGE_MS)
    assert not is_fresh(NOW, NOW, NOW + MAX_AGE_MS + 1)


def test_an_id_of_the_future_is_not_fresh() -> None:
    assert is_fresh(NOW + MAX_AHEAD_MS, NOW, NOW)
    assert not is_fresh(NOW + MAX_AHEAD_MS + 1, NOW, NOW)
    # Neither clock may be wrong: that of the collector, or that of the broker.
    assert not is_fresh(NOW + MAX_AHEAD_MS + 1, NOW + 1, NOW)
    assert not is_fresh(NOW + MAX_AHEAD_MS + 1, NOW, NOW + 1)


@given(AROUND, AROUND, AROUND, AROUND, AROUND)
def test_fresh_copies_of_an_id_are_at_most_five_minutes_apart(
    id_time: int, received: int, appended: int, received_again: int, appended_again: int
) -> None:
    if is_fresh(id_time, received, appended) and is_fresh(id_time, received_again, appended_again):
        assert abs(appended_again - appended) <= MAX_AGE_MS + MAX_AHEAD_MS
