"""Batches grow while the lag does, and shrink where Postgres is too slow for them."""

from sinks.landing.batch_size import BatchSize


def test_a_batch_doubles_while_it_is_full_and_the_lag_grows_and_is_usual_again_when_the_lag_is_gone() -> None:
    size = BatchSize(100, 350)
    for lag, rows in ((1000, 200), (2000, 350), (3000, 350), (2500, 350), (0, 100)):
        size.landed(size.rows, lag)
        assert size.rows == rows


def test_a_lag_that_shrinks_or_a_batch_that_was_not_full_is_no_reason_to_grow() -> None:
    size = BatchSize(100, 350)
    size.landed(99, 1000)
    size.landed(100, 1000)
    size.landed(100, 500)
    assert size.rows == 100


def test_a_batch_that_took_too_long_is_halved_and_grows_no_further_until_the_lag_is_gone() -> None:
    size = BatchSize(100, 400)
    assert size.took_too_long()
    assert size.rows == 50
    size.landed(50, 10_000)
    assert size.rows == 50
    size.landed(50, 0)
    assert size.rows == 100


def test_a_single_row_that_takes_too_long_is_no_question_of_size() -> None:
    size = BatchSize(3, 3)
    assert size.took_too_long()
    assert not size.took_too_long()
    assert size.rows == 1
