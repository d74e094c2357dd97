"""URL parameters of the history: periods by the calendar of the reader's zone, whatever the parameters are."""

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.filters import FILTERS, MAX_CONDITIONS, PROPERTY, Condition
from dashboard.history.query import Query, UnusableFilter, parse_query, ranges_within
from service_kit.retention import MAX_RETENTION_DAYS, MIN_RETENTION_DAYS

NOW = datetime(2026, 3, 30, 12, 34, 56, tzinfo=UTC)  # in Berlin a day after the clocks went forward


def parse(params: dict[str, str], retention_days: int = 90) -> Query:
    return parse_query(params, NOW, retention_days)


def test_without_parameters_it_is_the_last_24_hours_of_everything_in_utc() -> None:
    found = parse({})
    assert (found.since, found.until) == (
        datetime(2026, 3, 29, 13, tzinfo=UTC),
        datetime(2026, 3, 30, 12, 35, tzinfo=UTC),
    )
    assert (found.step, len(found.starts), found.compare, found.notices) == ("hour", 24, False, ())
    assert found.previous_since == found.previous_until == found.since


def test_days_begin_at_midnight_of_the_zone_also_when_a_day_has_23_hours() -> None:
    found = parse({"range": "7d", "tz": "Europe/Berlin", "compare": "1"})
    assert found.since.isoformat() == "2026-03-24T00:00:00+01:00"
    assert [start.isoformat() for start in found.starts[-2:]] == [
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]
    assert found.previous_since.isoformat() == "2026-03-17T00:00:00+01:00"
    assert len(found.previous_starts) == len(found.starts) == 7
    hours = parse({"from": "2026-03-29", "to": "2026-03-29", "tz": "Europe/Berlin"}).starts
    assert len(hours) == 23


def test_a_period_with_a_day_of_25_hours_follows_the_previous_one() -> None:
    params = {"from": "2025-10-24", "to": "2025-10-26", "tz": "Europe/Berlin", "compare": "1"}
    found = parse(params, retention_days=365)
    assert (found.previous_until, found.since - found.previous_since) == (found.since, timedelta(days=3))


def test_hours_of_a_zone_with_half_an_hour_begin_by_its_own_clock() -> None:
    assert {start.minute for start in parse({"tz": "Asia/Kolkata"}).starts} == {0}


@pytest.mark.parametrize(
    ("params", "notice"),
    [
        pytest.param({"range": "2w"}, "There is no range", id="unknown range"),
        pytest.param({"from": "yesterday"}, "is not a date", id="not a date"),
        pytest.param(
            {"from": "2020-01-01"}, "retained for 90 days; this period begins on 2025-12-31", id="too old"
        ),
        pytest.param({"range": "90d", "step": "hour"}, "up to 14 days", id="too many bars"),
    ],
)
def test_a_parameter_that_cannot_be_met_is_corrected_with_a_notice(params: dict[str, str], notice: str) -> None:
    found = parse(params)
    assert notice in " ".join(found.notices)
    assert found.since < found.until


def test_days_are_whole_and_the_last_one_is_included() -> None:
    found = parse({"from": "2026-03-10", "to": "2026-03-01"})
    assert (found.since.day, found.until.isoformat()) == (1, "2026-03-11T00:00:00+00:00")
    assert found.step == "day"


def test_a_period_begins_as_early_as_the_retention_allows() -> None:
    params = {"from": "2025-06-03", "to": "2025-06-30"}  # 300 days ago
    found = parse(params, retention_days=365)
    assert (str(found.since.date()), str(found.until.date()), found.notices) == ("2025-06-03", "2025-07-01", ())
    assert parse({"from": "2025-03-31"}, retention_days=365).notices == ()
    clipped = parse({"from": "2025-03-30"}, retention_days=365)
    assert clipped.notices == ("Events are retained for 365 days; this period begins on 2025-03-31.",)


@pytest.mark.parametrize("params", [{"from": "2025-06-03", "to": "2026-03-30"}, {"range": "90d"}])
def test_a_shorter_retention_cuts_every_period(params: dict[str, str]) -> None:
    found = parse(params, retention_days=30)
    assert found.notices == ("Events are retained for 30 days; this period begins on 2026-03-01.",)
    assert (str(found.since.date()), len(found.starts)) == ("2026-03-01", 30)


def test_a_previous_period_that_begins_too_early_gets_a_notice() -> None:
    params = {"range": "30d", "compare": "1"}
    assert parse(params, retention_days=60).notices == ()
    assert parse(params, retention_days=59).notices == (
        "Events are retained for 59 days; the previous period began on 2026-01-30 and is incomplete.",
    )


def test_only_ranges_within_the_retention_are_offered() -> None:
    assert list(ranges_within(90)) == ["24h", "7d", "30d", "90d"]
    assert list(ranges_within(89)) == ["24h", "7d", "30d"]
    assert list(ranges_within(MIN_RETENTION_DAYS)) == ["24h", "7d"]


def test_every_filter_that_is_set_is_in_the_query() -> None:
    params = {name: f"a.b:{name}" for name in FILTERS}
    assert {each.name: each.value for each in parse(params).filters} == params
    assert parse({"source": "", "shoe_size": "43", "site": "b"}).filters == (Condition("site", "b"),)
    several = [("page", "/a"), ("page", "!/b"), ("page", "/a"), ("page", r"\!c"), ("page", "!")]
    assert set(parse_query(several, NOW, 90).filters) == {
        Condition("page", "/a"),
        Condition("page", "/b", is_excluded=True),
        Condition("page", "!c"),
    }
    reordered = parse_query([several[3], several[0], several[1]], NOW, 90)
    assert reordered == parse_query(several, NOW, 90), "one query, so one entry of the cache"


def test_filters_that_nothing_can_answer_are_refused_with_what_to_write() -> None:
    with pytest.raises(UnusableFilter, match=r"TYPE\.PROPERTY:VALUE"):
        parse({"prop": "export_data"})
    with pytest.raises(UnusableFilter, match="at most 50"):
        parse_query([("page", f"/{number}") for number in range(MAX_CONDITIONS + 1)], NOW, 90)


@pytest.mark.parametrize(
    ("params", "counts"),
    [({}, False), ({"programs": "1"}, True), ({"program": "Googlebot"}, True), ({"device": "bot"}, True),
     ({"device": "!bot"}, False)],
)  # fmt: skip
def test_programs_are_left_out_unless_the_query_asks_for_them(params: dict[str, str], counts: bool) -> None:
    assert parse(params).programs is counts


def test_one_panel_can_be_searched() -> None:
    found = parse({"panel": "pages", "search": "price"})
    assert (found.panel, found.search) == ("pages", "price")
    assert parse({"search": "price"}).search == ""
    assert "There is no panel" in parse({"panel": "shoes"}).notices[0]


def test_only_a_period_up_to_now_is_running() -> None:
    assert parse({"range": "7d"}).is_running
    assert not parse({"from": "2026-03-01", "to": "2026-03-02"}).is_running


texts = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
    | st.dates().map(str)
    | st.sampled_from(["24h", "90d", "hour", "day", "1", "Asia/Tokyo"])
)
names = st.sampled_from(
    ["range", "from", "to", "step", "tz", "compare", "panel", "search", *FILTERS.keys() - {PROPERTY}]
)


moments = st.integers(946_684_800, 3_786_912_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(st.dictionaries(names, texts), moments, st.integers(MIN_RETENTION_DAYS, MAX_RETENTION_DAYS))
def test_all_parameters_make_a_query_within_the_retention(
    params: dict[str, str], now: datetime, retention_days: int
) -> None:
    found = parse_query(params, now, retention_days)
    assert found.since.astimezone(UTC) < found.until.astimezone(UTC) <= now + timedelta(minutes=1)
    assert found.until.astimezone(UTC) - found.since.astimezone(UTC) <= timedelta(days=retention_days + 1)
    assert 1 <= len(found.starts) <= max(24 * 15, retention_days)
    if found.compare:
        assert found.previous_since.astimezone(UTC) < found.previous_until.astimezone(UTC)


@given(st.sampled_from(sorted(available_timezones())), moments, st.sampled_from(["24h", "7d", "30d"]))
@example("America/New_York", datetime(2026, 3, 9, 3, 30, 30, tzinfo=UTC), "24h")
def test_a_previous_period_ends_where_the_period_begins_or_before(zone: str, now: datetime, name: str) -> None:
    found = parse_query({"range": name, "tz": zone, "compare": "1"}, now, 90)
    assert found.previous_since.timestamp() < found.previous_until.timestamp() <= found.since.timestamp()


@given(
    st.sampled_from(sorted(FILTERS.keys() - {PROPERTY})),
    st.text(st.characters(exclude_categories=())),
    st.sampled_from(["", "\0", "\udc80"]),
)
def test_a_filter_holds_what_postgres_can_hold_or_is_refused_by_name(name: str, text: str, odd: str) -> None:
    value = text + odd
    try:
        found = parse({name: Condition(name, value).parameter})
    except UnusableFilter as error:
        assert name in str(error)
        assert "\0" in value or value.encode(errors="replace").decode() != value
    else:
        assert found.filters == ((Condition(name, value),) if value else ())
        assert "\0" not in value.encode().decode()


def test_a_year_before_is_the_same_days_of_the_week_and_needs_the_retention() -> None:
    found = parse({"range": "7d", "compare": "year"}, 800)
    assert found.other is not None
    assert found.since - found.other.since == found.until - found.other.until == timedelta(weeks=52)
    assert found.since.weekday() == found.other.since.weekday()
    assert (found.previous_since, found.previous_until) == (found.other.since, found.other.until)
    assert not found.other.compare
    short = parse({"range": "7d", "compare": "year"})
    assert (short.compare, short.other) == (False, None)
    assert "there are none of 2025-03-25 to compare with" in " ".join(short.notices)


def test_another_segment_is_the_same_period_with_the_filters_of_an_address() -> None:
    found = parse({"compare": "segment", "against": "?country=DE&page=!/a&range=30d", "device": "mobile"})
    assert found.other is not None
    assert found.other.filters == (Condition("country", "DE"), Condition("page", "/a", True))
    assert (found.other.since, found.other.until) == (found.since, found.until)
    assert found.is_of_visits and found.other.is_of_visits
    # Both speak of visits, or of events.
    found = parse({"compare": "segment", "against": "button=buy"})
    assert found.other is not None
    assert not found.is_of_visits and not found.other.is_of_visits
    assert parse({"compare": "segment", "against": ""}).other == parse({}).alone
    nothing = parse({"compare": "segment"})
    assert (nothing.compare, nothing.other) == (False, None)
    assert "save a view" in nothing.notices[0]
    with pytest.raises(UnusableFilter):
        parse({"compare": "segment", "against": "page=%00"})


@pytest.mark.parametrize(
    ("params", "measure", "notice"),
    [
        ({"measure": "bounce_rate"}, "bounce_rate", ""),
        ({"measure": "p75_cls", "button": "buy"}, "p75_cls", ""),
        ({"measure": "visits", "button": "buy"}, "events", "Visits needs visits"),
        ({"measure": "conversion", "goal": "type:sign_up"}, "conversion", ""),
        ({"measure": "conversion"}, "events", "Conversion needs a goal"),
        ({"measure": "profit"}, "events", 'There is no measure "profit"; there are events, people'),
    ],
)
def test_a_measure_that_the_query_does_not_have_is_replaced_by_events(
    params: dict[str, str], measure: str, notice: str
) -> None:
    found = parse(params)
    assert found.measure == measure
    assert notice in " ".join(found.notices)
    assert bool(found.notices) is bool(notice)


def test_a_panel_alone_has_more_names_and_so_has_what_it_is_compared_with() -> None:
    def rows(**params: str) -> list[int]:
        query = parse_query(params, NOW, 400).with_more_rows
        queries = [query, *([query.other] if query.other else [])]
        return [number for each in queries for number in (each.max_rows, each.max_values)]

    assert rows(range="7d") == [300, 50]
    assert rows(range="7d", panel="pages", compare="year") == [10_000] * 4
