"""Landing stops if there are so many dead letters that the deployment is broken."""

import pytest

from sinks.landing.breaker import CircuitBreaker
from sinks.landing.errors import TooManyDeadLetters
from sinks.landing.rows import DeadLetter


def dead_letters(*offsets: int, partition: int = 0, senders: int = 100_000) -> list[DeadLetter]:
    return [
        DeadLetter(partition, offset, "row_rejected", "", b"%d" % (offset % senders), None, 0)
        for offset in offsets
    ]


def land(breaker: CircuitBreaker, records: int, dead: list[DeadLetter]) -> None:
    breaker.check(records, dead)
    breaker.committed(records, dead)


def test_one_percent_of_the_last_ten_thousand_records_is_accepted_and_one_more_is_not() -> None:
    breaker = CircuitBreaker()
    for batch in range(10):
        land(breaker, 1000, dead_letters(*range(batch * 1000, batch * 1000 + 20, 2)))
    with pytest.raises(TooManyDeadLetters, match="101 of the last"):
        breaker.check(1, dead_letters(20_000))
    # Earlier records do not count any more.
    for _ in range(10):
        land(breaker, 1000, [])
    breaker.check(1000, dead_letters(30_000))


def test_a_hundred_consecutive_ones_are_too_many_even_over_several_batches() -> None:
    breaker = CircuitBreaker()
    land(breaker, 60, dead_letters(*range(60)))
    land(breaker, 39, dead_letters(*range(60, 99)))
    with pytest.raises(TooManyDeadLetters, match="100 consecutive records"):
        breaker.check(1, dead_letters(99))
    # A row in between ends the streak, and each partition has its own.
    breaker.check(1, dead_letters(100))
    breaker.check(1, dead_letters(99, partition=1))


def test_a_large_batch_is_judged_by_its_share() -> None:
    odd = range(0, 400, 2)
    CircuitBreaker().check(20_000, dead_letters(*odd))
    with pytest.raises(TooManyDeadLetters, match="200 of the last 19,999"):
        CircuitBreaker().check(19_999, dead_letters(*odd))


def test_a_batch_that_was_rejected_is_not_counted_and_an_operator_can_accept_all() -> None:
    breaker = CircuitBreaker()
    for _ in range(3):
        with pytest.raises(TooManyDeadLetters):
            breaker.check(200, dead_letters(*range(200)))
    breaker.check(200, dead_letters(7))
    CircuitBreaker(accept=True).check(200, dead_letters(*range(200)))


def test_the_records_of_a_few_senders_never_stop_landing_for_the_others() -> None:
    breaker = CircuitBreaker()
    for start in range(0, 20_000, 200):
        land(breaker, 200, dead_letters(*range(start, start + 200), senders=9))
    no_key = [DeadLetter(1, offset, "row_rejected", "", None, None, 0) for offset in range(500)]
    land(CircuitBreaker(), 500, no_key)
    # Nine senders have used up nearly all of the share: a dozen others may follow, and not one more.
    breaker.check(200, dead_letters(*range(9, 21)))
    with pytest.raises(TooManyDeadLetters):
        breaker.check(200, dead_letters(*range(9, 22)))


def test_a_streak_is_too_long_once_ten_senders_are_in_it() -> None:
    breaker = CircuitBreaker()
    land(breaker, 20_000, dead_letters(*range(150), senders=9))
    with pytest.raises(TooManyDeadLetters, match="151 consecutive records"):
        breaker.check(20_000, dead_letters(150))
