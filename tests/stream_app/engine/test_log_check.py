"""A state goes on only in the log that it belongs to; a stop lasts until a person lifts it."""

from uuid import UUID

import pytest

from service_kit.kafka.topic_log import EpochEnd
from stream_app.engine.changelog import Recovery, changelog_key, fenced
from stream_app.engine.log_check import Log, compare
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event

OURS, OTHER = UUID(int=1), UUID(int=2)


def new_state() -> PartitionState:
    return PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=600_000)


def state_at(position: int) -> PartitionState:
    state = new_state()
    state.topic_id = str(OURS)
    clicks(state, range(position + 1))
    state.pass_over(position + 1, 5)
    return state


def clicks(state: PartitionState, offsets: range) -> None:
    state.apply([Record(offset, NOON, None, encoded(event("click"))) for offset in offsets])


@pytest.mark.parametrize(
    ("log", "resume_at"),
    [
        pytest.param(Log(OURS, 0, 10, EpochEnd(5, 10)), None, id="where it was"),
        pytest.param(Log(OURS, 0, 50, EpochEnd(5, 50)), None, id="grown"),
        pytest.param(Log(None, 50, 90, EpochEnd(5, 50)), None, id="records removed before they were read"),
        pytest.param(Log(OTHER, 0, 50, EpochEnd(5, 50)), 0, id="recreated and longer"),
        pytest.param(Log(OURS, 0, 7, EpochEnd(5, 7)), 7, id="shorter"),
        pytest.param(Log(OURS, 0, 7), 7, id="shorter, and the epoch is not known"),
        pytest.param(Log(OURS, 0, 7, EpochEnd(5, 10)), None, id="a new leader does not know the end yet"),
        pytest.param(Log(OURS, 0, 50, EpochEnd(5, 7)), 7, id="lost its end and grew past it"),
        pytest.param(Log(OURS, 3, 50, EpochEnd(-1, -1)), 3, id="has no such epoch"),
    ],
)
def test_a_log_that_grew_is_not_another_log(log: Log, resume_at: int | None) -> None:
    found = compare(state_at(9), log)
    assert (found and found.resume_at) == resume_at


def test_a_partition_that_was_never_read_has_no_other_log() -> None:
    assert compare(new_state(), Log(OTHER, 0, 0)) is None


def test_a_stop_outlives_restarts_and_growth_and_the_state_goes_on_where_a_person_lets_it() -> None:
    state = state_at(9)
    written: list[tuple[bytes, bytes]] = []
    restart(state, written)
    state.stop("lost its end", 7)
    stopped = restart(state, written)
    for end in (7, 9, 500):
        found = compare(stopped, Log(OURS, 0, end, EpochEnd(5, end)))
        assert found
        assert (found.reason, found.resume_at) == ("lost its end", 7)
    stopped.go_on_from(7, str(OURS))
    clicks(stopped, range(7, 9))
    again = restart(stopped, written)
    assert (again.position, again.totals, again.stopped) == (8, {"click": 12}, None)
    assert compare(again, Log(OURS, 0, 9)) is None


def restart(state: PartitionState, changelog: list[tuple[bytes, bytes]]) -> PartitionState:
    """The state as the changelog has it after a checkpoint."""
    snapshot = state.snapshot()
    assert snapshot is not None
    changelog += [(changelog_key(0, key), fenced(snapshot.fence, value)) for key, value in snapshot.values]
    recovery = Recovery()
    for offset, (key, value) in enumerate(changelog):
        recovery.read(offset, key, value)
    assert not recovery.foreign_writes
    values = recovery.values()
    assert values
    restored = new_state()
    restored.restore(values)
    return restored
