"""Whether a log is still the one that a position belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_kit.kafka.topic_log import EpochEnd, Position, diverged_at

# Epoch and number of records of each leadership of a partition.
leaderships = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5)), min_size=1, max_size=6)


def written(steps: list[tuple[int, int]], epoch: int = 0) -> list[int]:
    """The leader epoch of each record."""
    found: list[int] = []
    for more, count in steps:
        epoch += more
        found += [epoch] * count
    return found


def epoch_end(log: list[int], leader: int, asked: int) -> EpochEnd:
    """What a leader answers."""
    if asked > leader:
        return EpochEnd(-1, -1)
    end = next((offset for offset, epoch in enumerate(log) if epoch > asked), len(log))
    return EpochEnd(max((epoch for epoch in log if epoch <= asked), default=asked), end)


@given(leaderships, leaderships, st.data())
def test_a_log_that_lost_what_was_read_is_found_however_it_grew(
    before: list[tuple[int, int]], after: list[tuple[int, int]], data: st.DataObject
) -> None:
    old = written(before)
    position = data.draw(st.integers(0, len(old)))
    left = data.draw(st.integers(0, len(old)))
    last_epoch = sum(more for more, _count in before)
    log = old[:left] + written(after, last_epoch)
    leader = last_epoch + sum(more for more, _count in after)
    known = Position(position, old[position - 1] if position else -1)
    found = diverged_at(known, epoch_end(log, leader, known.epoch))
    assert found == (left if left < position else None)


@pytest.mark.parametrize(
    ("position", "found", "at"),
    [
        pytest.param(Position(100, -1), EpochEnd(3, 5), None, id="an epoch that is not known"),
        pytest.param(Position(100, 3), None, None, id="not asked"),
        pytest.param(Position(100, 3), EpochEnd(-1, -1), 0, id="the log knows no epoch so new"),
        pytest.param(Position(100, 3), EpochEnd(3, 100), None, id="the epoch ends where we are"),
        pytest.param(Position(100, 3), EpochEnd(2, 200), 100, id="the epoch is not in the log"),
    ],
)
def test_the_end_of_an_epoch_says_where_the_log_differs(
    position: Position, found: EpochEnd, at: int | None
) -> None:
    assert diverged_at(position, found) == at
