"""Dead letters stop landing when there are so many that the deploy is bad."""

import pytest

from sinks.landing.breaker import Breaker
from sinks.landing.errors import TooManyDeadLetters
from sinks.landing.rows import DeadLetter


def letters(*offsets: int, partition: int = 0) -> list[DeadLetter]:
    return [DeadLetter(partition, offset, "row_rejected", "", None, None, 0) for offset in offsets]


def land(breaker: Breaker, records: int, dead: list[DeadLetter]) -> None:
    breaker.admit(records, dead)
    breaker.note(records, dead)


def test_one_in_a_hundred_of_the_last_ten_thousand_is_borne_and_one_more_is_not() -> None:
    breaker = Breaker()
    for batch in range(10):
        land(breaker, 1000, letters(*range(batch * 1000, batch * 1000 + 20, 2)))
    with pytest.raises(TooManyDeadLetters, match="101 of the last"):
        breaker.admit(1, letters(20_000))
    # Those of long ago do not count any more.
    for _ in range(10):
        land(breaker, 1000, [])
    breaker.admit(1000, letters(30_000))


def test_a_hundred_in_a_row_are_too_many_over_batches_too() -> None:
    breaker = Breaker()
    land(breaker, 60, letters(*range(60)))
    land(breaker, 39, letters(*range(60, 99)))
    with pytest.raises(TooManyDeadLetters, match="100 records in a row"):
        breaker.admit(1, letters(99))
    # A row in between ends the run, another partition has its own.
    breaker.admit(1, letters(100))
    breaker.admit(1, letters(99, partition=1))


def test_a_large_batch_is_measured_by_its_share() -> None:
    odd = range(0, 400, 2)
    Breaker().admit(20_000, letters(*odd))
    with pytest.raises(TooManyDeadLetters, match="200 of the last 19,999"):
        Breaker().admit(19_999, letters(*odd))


def test_what_was_refused_is_not_remembered_and_all_is_taken_where_a_person_says_so() -> None:
    breaker = Breaker()
    for _ in range(3):
        with pytest.raises(TooManyDeadLetters):
            breaker.admit(200, letters(*range(200)))
    breaker.admit(200, letters(7))
    Breaker(accept=True).admit(200, letters(*range(200)))
