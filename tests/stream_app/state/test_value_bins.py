"""Bins of values: how far their middle is from what is in them, and how many there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import MAX_WEB_VITAL_BINS, WEB_VITAL_ACCURACY
from stream_app.state.dimensions import MAX_MEASUREMENT
from stream_app.state.value_bins import middle_of_bin


@given(st.floats(min_value=1e-300, max_value=MAX_MEASUREMENT))
def test_the_middle_of_a_bin_is_near_every_value_in_it(value: float) -> None:
    assert middle_of_bin(value) == pytest.approx(value, rel=WEB_VITAL_ACCURACY + 1e-9)


@given(st.floats(min_value=0, max_value=MAX_MEASUREMENT), st.floats(min_value=0, max_value=MAX_MEASUREMENT))
def test_bins_are_in_the_order_of_their_values(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert middle_of_bin(low) <= middle_of_bin(high)


def test_nothing_is_zero_and_a_minute_of_milliseconds_fits_a_window() -> None:
    assert middle_of_bin(0) == middle_of_bin(5e-324) == 0
    assert len({middle_of_bin(value) for value in range(60_000)}) < MAX_WEB_VITAL_BINS
