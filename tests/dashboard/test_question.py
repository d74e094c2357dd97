"""What an address asks of the history: periods by the calendar of the reader's zone, whatever is in it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.history.question import KEPT_DAYS, question

NOW = datetime(2026, 3, 30, 12, 34, 56, tzinfo=UTC)  # in Berlin a day after the clocks went forward


def test_without_a_word_it_is_the_last_24_hours_of_everything_in_utc() -> None:
    asked = question({}, NOW)
    assert (asked.since, asked.until) == (
        datetime(2026, 3, 29, 13, tzinfo=UTC),
        datetime(2026, 3, 30, 12, 35, tzinfo=UTC),
    )
    assert (asked.step, len(asked.starts), asked.compares, asked.faults) == ("hour", 24, False, ())
    assert asked.before_since == asked.before_until == asked.since


def test_days_begin_at_midnight_of_the_zone_also_when_a_day_has_23_hours() -> None:
    asked = question({"range": "7d", "tz": "Europe/Berlin", "compare": "1"}, NOW)
    assert asked.since.isoformat() == "2026-03-24T00:00:00+01:00"
    assert [start.isoformat() for start in asked.starts[-2:]] == [
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]
    assert asked.before_since.isoformat() == "2026-03-17T00:00:00+01:00"
    assert len(asked.before_starts) == len(asked.starts) == 7
    hours = question({"from": "2026-03-29", "to": "2026-03-29", "tz": "Europe/Berlin"}, NOW).starts
    assert len(hours) == 23


def test_hours_of_a_zone_with_half_an_hour_begin_by_its_own_clock() -> None:
    assert {start.minute for start in question({"tz": "Asia/Kolkata"}, NOW).starts} == {0}


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        pytest.param({"range": "2w"}, "There is no range", id="unknown range"),
        pytest.param({"from": "yesterday"}, "is no day", id="no date"),
        pytest.param({"from": "2020-01-01"}, "kept for 90 days", id="too old"),
        pytest.param({"range": "90d", "step": "hour"}, "up to 14 days", id="too many bars"),
    ],
)
def test_what_cannot_be_had_is_said_and_something_near_answered(asked: dict[str, str], fault: str) -> None:
    found = question(asked, NOW)
    assert fault in " ".join(found.faults)
    assert found.since < found.until


def test_a_range_is_of_whole_days_the_last_one_included() -> None:
    asked = question({"from": "2026-03-10", "to": "2026-03-01"}, NOW)
    assert (asked.since.day, asked.until.isoformat()) == (1, "2026-03-11T00:00:00+00:00")
    assert asked.step == "day"


texts = (
    st.text(max_size=12) | st.dates().map(str) | st.sampled_from(["24h", "90d", "hour", "day", "1", "Asia/Tokyo"])
)
names = st.sampled_from(["range", "from", "to", "step", "tz", "compare", "type", "page", "device"])


moments = st.integers(946_684_800, 3_786_912_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(st.dictionaries(names, texts), moments)
def test_every_address_has_an_answer_within_the_kept_days(asked: dict[str, str], now: datetime) -> None:
    found = question(asked, now)
    assert found.since.astimezone(UTC) < found.until.astimezone(UTC) <= now + timedelta(minutes=1)
    assert found.until.astimezone(UTC) - found.since.astimezone(UTC) <= timedelta(days=KEPT_DAYS + 1)
    assert 1 <= len(found.starts) <= 24 * 15
    if found.compares:
        assert found.before_since.astimezone(UTC) < found.before_until.astimezone(UTC)
