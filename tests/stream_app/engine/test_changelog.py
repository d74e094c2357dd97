"""Values of different owners are never mixed: each owner begins a term, and writes the whole state in it."""

import pytest

from stream_app.engine.changelog import Recovery, changelog_key, fenced
from stream_app.state.snapshot import CONTROL
from tests.support.events import NOON, Record, encoded, event
from tests.support.partition_states import folded

_SNAPSHOT = folded([Record(0, NOON, None, encoded(event("click")))]).snapshot()
assert _SNAPSHOT is not None
CONTROL_VALUE = dict(_SNAPSHOT.values)[CONTROL]
Written = list[tuple[str, tuple[int, int], bytes]]


def recovered(*written: tuple[str, tuple[int, int], bytes]) -> Recovery:
    recovery = Recovery()
    for offset, (name, fence, payload) in enumerate(written):
        recovery.read(offset, changelog_key(3, name), fenced(fence, payload))
    return recovery


def checkpoint(fence: tuple[int, int], **values: bytes) -> Written:
    return [*((name, fence, value) for name, value in values.items()), (CONTROL, fence, CONTROL_VALUE)]


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param([("b", (0, 8), b"torn"), *checkpoint((1, 9), a=b"new")], id="torn, then another owner"),
        pytest.param(
            [*checkpoint((1, 9), a=b"new"), ("b", (0, 8), b"late")], id="a late write of the former owner"
        ),
        pytest.param(
            [*checkpoint((1, 9), a=b"new"), *checkpoint((0, 12), b=b"late")], id="a whole late checkpoint"
        ),
        pytest.param(checkpoint((1, 3), a=b"new"), id="an owner whose position is before"),
    ],
)
def test_only_values_of_the_newest_owner_are_of_the_state(behind: Written) -> None:
    recovery = recovered(*checkpoint((0, 7), a=b"old", b=b"old"), *behind)
    values = recovery.values()
    assert values is not None
    assert values.keys() == {"a", CONTROL}
    assert values["a"] == b"new"
    assert recovery.next_term == 2


def test_within_a_term_the_newest_value_up_to_the_last_checkpoint_counts() -> None:
    recovery = recovered(
        *checkpoint((4, 7), a=b"1", b=b"1"),
        *checkpoint((4, 7), a=b"2"),
        ("a", (4, 8), b"3"),
        ("d", (5, 8), b"torn"),
    )
    values = recovery.values()
    assert values is not None
    assert (values["a"], values["b"]) == (b"2", b"1")
    assert "d" not in values
    assert (recovery.torn, recovery.next_term) == (True, 6)


def test_a_term_that_nobody_can_have_is_of_somebody_else() -> None:
    recovery = recovered(*checkpoint((0, 7), a=b"1"), ("a", (2**62, 1), b"rubbish"), ("a", (-1, 9), b"rubbish"))
    assert (recovery.passed_over_count, recovery.next_term) == (2, 1)


def test_behind_a_damaged_batch_only_a_term_that_begins_there_is_the_state() -> None:
    """What was in the batch is unknown, and what came before it may have been replaced there."""
    recovery = recovered(*checkpoint((4, 7), a=b"1", b=b"1"))
    recovery.lose(3)
    assert (recovery.is_lost, recovery.values()) == (True, None)
    for name, fence, value in checkpoint((4, 9), a=b"2"):
        recovery.read(4, changelog_key(3, name), fenced(fence, value))
    # The same owner goes on, and writes only what has changed.
    assert recovery.values() is None
    for name, fence, value in checkpoint((5, 9), a=b"3"):
        recovery.read(6, changelog_key(3, name), fenced(fence, value))
    values = recovery.values()
    assert values is not None
    assert (values.keys(), values["a"]) == ({"a", CONTROL}, b"3")
    assert (recovery.next_term, recovery.next_offset) == (6, 7)


def test_the_owner_that_began_in_a_damaged_batch_is_not_whole() -> None:
    recovery = recovered(*checkpoint((4, 7), a=b"1"))
    recovery.lose(2)
    for name, fence, value in checkpoint((5, 9), b=b"2"):
        recovery.read(3, changelog_key(3, name), fenced(fence, value))
    assert recovery.values() is None
