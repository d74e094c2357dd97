"""The step that is due for a day follows from its age and state, and a day that does not add up is never dropped."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from service_kit.retention import RetentionSettings
from sinks.retention.lifecycle import Day, Step, next_step, plan

TODAY = date(2026, 6, 1)
RETENTION = RetentionSettings(retention_days=90, pack_after_days=7)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def audited(days_ago: int) -> Day:
    return Day(ago(days_ago), "audited", rows=5, expected=5, audited_on=ago(1))


@pytest.mark.parametrize(
    ("days_ago", "steps"),
    [
        pytest.param(-14, [], id="created ahead"),
        pytest.param(0, [], id="today"),
        pytest.param(1, ["close", "audit"], id="yesterday"),
        pytest.param(7, ["close", "audit"], id="a week old"),
        pytest.param(8, ["close", "audit", "pack"], id="old enough to be packed"),
        pytest.param(90, ["close", "audit", "pack"], id="the last day of its retention"),
        pytest.param(91, ["close", "audit", "detach", "drop"], id="past its retention"),
    ],
)
def test_a_day_takes_the_steps_of_its_age(days_ago: int, steps: list[Step]) -> None:
    assert list(plan(Day(ago(days_ago), expected=5), TODAY, RETENTION)) == steps


def test_an_empty_day_is_not_packed() -> None:
    assert list(plan(Day(ago(20)), TODAY, RETENTION)) == ["close", "audit"]


@pytest.mark.parametrize(
    ("state", "step"),
    [("closed", "audit"), ("differs", "close"), ("detaching", "detach"), ("detached", "drop"), ("dropped", None)],
)
def test_interrupted_steps_are_finished_and_a_day_that_differs_is_audited_again(
    state: str, step: Step | None
) -> None:
    day = replace(audited(91), state=state, attached=False)  # type: ignore[arg-type] # one of the states
    assert next_step(day, TODAY, RETENTION) == step


def test_a_changed_day_is_audited_again_at_most_daily_and_always_before_it_is_dropped() -> None:
    packed = replace(audited(20), state="packed", packed=5)
    late = replace(packed, expected=6)
    assert list(plan(packed, TODAY, RETENTION)) == []
    assert list(plan(late, TODAY, RETENTION)) == ["close", "audit", "pack"]
    assert list(plan(replace(late, audited_on=TODAY), TODAY, RETENTION)) == []
    too_old = replace(late, day=ago(91), audited_on=TODAY)
    assert list(plan(too_old, TODAY, RETENTION)) == ["close", "audit", "detach", "drop"]


def test_a_day_whose_partition_was_created_again_is_dropped_again() -> None:
    assert list(plan(replace(audited(100), state="dropped"), TODAY, RETENTION)) == ["detach", "drop"]
