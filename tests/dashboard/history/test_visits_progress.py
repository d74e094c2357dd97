"""What the history says while visits are behind."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.history.query import Query, parse_query
from dashboard.history.visits_progress import VisitsProgress

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def asked(**params: str) -> Query:
    return parse_query({"range": "7d", **params}, NOW, 90)


@pytest.mark.parametrize(
    ("behind_seconds", "said"),
    [
        pytest.param(60, (), id="as under load"),
        pytest.param(61, ("Visits do not know yet of about 1,234,567 events that landed.",), id="behind"),
    ],
)
def test_visits_that_are_behind_say_how_many_events_they_lack(
    behind_seconds: float, said: tuple[str, ...]
) -> None:
    found = VisitsProgress(behind_seconds, 1_234_567, None).notices(asked())
    assert tuple(each.partition(" People")[0] for each in found) == said


def test_visits_that_are_derived_again_matter_to_periods_that_begin_before() -> None:
    def notices(before: datetime, **params: str) -> tuple[str, ...]:
        return VisitsProgress(0, 0, before).notices(asked(**params))

    assert notices(NOW - timedelta(days=1), tz="Europe/Berlin") == (
        "Visits that began before 2026-03-30 14:00 are being derived again. People, visits and views are too low until then.",
    )
    assert not notices(NOW - timedelta(days=8))
    assert notices(NOW - timedelta(days=8), compare="1"), "what it is compared with is too low"
