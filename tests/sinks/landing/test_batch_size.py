"""Batches grow while the lag grows, and shrink if the store is too slow for them."""

from sinks.landing.batch_size import BatchSize


def test_a_batch_doubles_while_it_is_full_and_the_lag_grows_and_has_its_usual_size_again_when_the_lag_is_gone() -> (
    None
):
    size = BatchSize(100, 350)
    for lag, rows in ((1000, 200), (2000, 350), (3000, 350), (2500, 350), (0, 100)):
        size.landed(size.rows, lag)
        assert size.rows == rows


def test_a_batch_does_not_grow_if_the_lag_shrinks_or_if_it_was_not_full() -> None:
    size = BatchSize(100, 350)
    size.landed(99, 1000)
    size.landed(100, 1000)
    size.landed(100, 500)
    assert size.rows == 100


def test_a_batch_that_timed_out_is_halved_and_does_not_grow_until_the_lag_is_gone() -> None:
    size = BatchSize(100, 400)
    assert size.timed_out()
    assert size.rows == 50
    size.landed(50, 10_000)
    assert size.rows == 50
    size.landed(50, 0)
    assert size.rows == 100


def test_a_single_row_that_times_out_cannot_be_halved() -> None:
    size = BatchSize(3, 3)
    assert size.timed_out()
    assert not size.timed_out()
    assert size.rows == 1
