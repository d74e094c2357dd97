"""Each day is due for what its age and its state ask, and nothing that differs is dropped by itself."""

from datetime import date, timedelta

from sinks.retention import Due, due

TODAY = date(2026, 6, 1)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def test_a_day_is_audited_once_it_is_over_and_dropped_when_its_time_has_come() -> None:
    days = [ago(0), ago(2), ago(3), ago(90), ago(91)]
    assert due(days, {}, [], TODAY, 90) == [
        Due(ago(91), "audit"),
        Due(ago(91), "detach"),
        Due(ago(90), "audit"),
        Due(ago(3), "audit"),
    ]
    assert due(days, dict.fromkeys(days, "audited"), [], TODAY, 90) == [
        Due(ago(91), "audit"),
        Due(ago(91), "detach"),
    ]


def test_what_was_cut_off_is_finished() -> None:
    states = {ago(91): "detaching", ago(92): "detaching", ago(93): "dropped"}
    assert due([ago(91)], states, [], TODAY, 90) == [Due(ago(92), "drop"), Due(ago(91), "detach")]
    assert due([], states, [ago(91)], TODAY, 90) == [Due(ago(92), "drop"), Due(ago(91), "detach")]


def test_a_day_that_differs_is_looked_at_again() -> None:
    assert due([ago(5)], {ago(5): "differs"}, [], TODAY, 90) == [Due(ago(5), "audit")]
