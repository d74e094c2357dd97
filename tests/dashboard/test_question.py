"""What an address asks of the history: periods by the calendar of the reader's zone, whatever is in it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.history.query import Question, question, ranges_within
from service_kit.retention import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS

NOW = datetime(2026, 3, 30, 12, 34, 56, tzinfo=UTC)  # in Berlin a day after the clocks went forward


def ask(asked: dict[str, str], retention_days: int = 90) -> Question:
    return question(asked, NOW, retention_days)


def test_without_a_word_it_is_the_last_24_hours_of_everything_in_utc() -> None:
    asked = ask({})
    assert (asked.since, asked.until) == (
        datetime(2026, 3, 29, 13, tzinfo=UTC),
        datetime(2026, 3, 30, 12, 35, tzinfo=UTC),
    )
    assert (asked.step, len(asked.starts), asked.compares, asked.faults) == ("hour", 24, False, ())
    assert asked.before_since == asked.before_until == asked.since


def test_days_begin_at_midnight_of_the_zone_also_when_a_day_has_23_hours() -> None:
    asked = ask({"range": "7d", "tz": "Europe/Berlin", "compare": "1"})
    assert asked.since.isoformat() == "2026-03-24T00:00:00+01:00"
    assert [start.isoformat() for start in asked.starts[-2:]] == [
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]
    assert asked.before_since.isoformat() == "2026-03-17T00:00:00+01:00"
    assert len(asked.before_starts) == len(asked.starts) == 7
    hours = ask({"from": "2026-03-29", "to": "2026-03-29", "tz": "Europe/Berlin"}).starts
    assert len(hours) == 23


def test_hours_of_a_zone_with_half_an_hour_begin_by_its_own_clock() -> None:
    assert {start.minute for start in ask({"tz": "Asia/Kolkata"}).starts} == {0}


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        pytest.param({"range": "2w"}, "There is no range", id="unknown range"),
        pytest.param({"from": "yesterday"}, "is no day", id="no date"),
        pytest.param({"from": "2020-01-01"}, "kept for 90 days; this period begins on 2025-12-31", id="too old"),
        pytest.param({"range": "90d", "step": "hour"}, "up to 14 days", id="too many bars"),
    ],
)
def test_what_cannot_be_had_is_said_and_something_near_answered(asked: dict[str, str], fault: str) -> None:
    found = ask(asked)
    assert fault in " ".join(found.faults)
    assert found.since < found.until


def test_a_range_is_of_whole_days_the_last_one_included() -> None:
    asked = ask({"from": "2026-03-10", "to": "2026-03-01"})
    assert (asked.since.day, asked.until.isoformat()) == (1, "2026-03-11T00:00:00+00:00")
    assert asked.step == "day"


def test_a_period_begins_as_early_as_the_retention_allows() -> None:
    asked = {"from": "2025-06-03", "to": "2025-06-30"}  # 300 days ago
    found = ask(asked, retention_days=365)
    assert (str(found.since.date()), str(found.until.date()), found.faults) == ("2025-06-03", "2025-07-01", ())
    assert ask({"from": "2025-03-31"}, retention_days=365).faults == ()
    clipped = ask({"from": "2025-03-30"}, retention_days=365)
    assert clipped.faults == ("Events are kept for 365 days; this period begins on 2025-03-31.",)


@pytest.mark.parametrize("asked", [{"from": "2025-06-03", "to": "2026-03-30"}, {"range": "90d"}])
def test_a_shorter_retention_cuts_every_period(asked: dict[str, str]) -> None:
    found = ask(asked, retention_days=30)
    assert found.faults == ("Events are kept for 30 days; this period begins on 2026-03-01.",)
    assert (str(found.since.date()), len(found.starts)) == ("2026-03-01", 30)


def test_a_period_before_that_begins_too_early_is_said_to_be_incomplete() -> None:
    asked = {"range": "30d", "compare": "1"}
    assert ask(asked, retention_days=60).faults == ()
    assert ask(asked, retention_days=59).faults == (
        "Events are kept for 59 days; the period before began on 2026-01-30 and is not complete.",
    )


def test_only_ranges_within_the_retention_are_offered() -> None:
    assert list(ranges_within(90)) == ["24h", "7d", "30d", "90d"]
    assert list(ranges_within(89)) == ["24h", "7d", "30d"]
    assert list(ranges_within(MIN_RETENTION_DAYS)) == ["24h", "7d"]


texts = (
    st.text(max_size=12) | st.dates().map(str) | st.sampled_from(["24h", "90d", "hour", "day", "1", "Asia/Tokyo"])
)
names = st.sampled_from(["range", "from", "to", "step", "tz", "compare", "type", "page", "device"])


moments = st.integers(946_684_800, 3_786_912_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(st.dictionaries(names, texts), moments, st.integers(MIN_RETENTION_DAYS, MAX_RETENTION_DAYS))
def test_every_address_has_an_answer_within_the_retention(
    asked: dict[str, str], now: datetime, retention_days: int
) -> None:
    found = question(asked, now, retention_days)
    assert found.since.astimezone(UTC) < found.until.astimezone(UTC) <= now + timedelta(minutes=1)
    assert found.until.astimezone(UTC) - found.since.astimezone(UTC) <= timedelta(days=retention_days + 1)
    assert 1 <= len(found.starts) <= max(24 * 15, retention_days)
    if found.compares:
        assert found.before_since.astimezone(UTC) < found.before_until.astimezone(UTC)
