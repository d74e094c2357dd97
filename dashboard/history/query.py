"""A query of the history, parsed from URL parameters. No I/O: the time is an argument."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from avro_schemas.live_aggregates import PROGRAM
from dashboard.filters import (
    FILTERS,
    MAX_CONDITIONS,
    PROPERTY,
    Condition,
    can_be_stored,
    condition_of,
    property_value,
)
from dashboard.history.measures import EVENTS, MEASURES, offered
from dashboard.render.panels import HISTORY
from dashboard.render.times import UTC_ZONE, zone_named

# The page shows fewer rows per panel; JSON has all of them.
MAX_ROWS = 300
# Of one panel alone, and in CSV files; as many values of a property.
MAX_ROWS_ALONE = 10_000
# Of one property of an event type, as ids have a value per event.
MAX_VALUES = 50

RANGES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
StepUnit = Literal["hour", "day"]
# With more bars than these a chart is unreadable.
_MAX_DAYS_BY_HOUR = 14
# Up to so many days the step is an hour unless a parameter says otherwise.
_DEFAULT_DAYS_BY_HOUR = 3
_HOUR = timedelta(hours=1)
# So that days of the week are compared with the same ones.
_YEAR = timedelta(weeks=52)


# The filters that select visits, too. A visit has the page, route or event type if one of its events has it.
VISIT_FILTERS = frozenset(
    {"page", "route", "type", "source", "channel", "campaign", "country", "device", "browser", "system", "site"}
    | {"hostname", "release", "language", "screen"}
)


class UnusableFilter(ValueError):
    """A filter has a value that no event can have, or that names nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A period in steps, and the previous period of the same length, if they are compared.

    Times carry the reader's zone. Events count by the time inside their id. Without a comparison the previous
    period is empty. `notices` are sentences about parameters that were corrected. `panel` is the only one that is
    shown, with all its rows whose names contain `search`; empty for the first rows of all panels.
    """

    range_name: str
    since: datetime
    until: datetime
    previous_since: datetime
    previous_until: datetime
    step: StepUnit
    filters: tuple[Condition, ...]
    compare: bool
    # What is compared with instead of the previous period: a year before, or another segment.
    other: "Query | None" = None
    # Whether numbers are of events in any case: visits do not know the filters of the other segment.
    by_events: bool = False
    # Whether the period goes up to now.
    is_running: bool
    # Whether programs are counted too.
    programs: bool = False
    # Whether pages are counted by path, though they have routes.
    by_path: bool = False
    # An event type or page: a visit that has it is a conversion.
    goal: Condition | None = None
    # What the chart shows: a name of `MEASURES`.
    measure: str = EVENTS
    panel: str = ""
    search: str = ""
    # How many names a panel ranks, and how many values of each property.
    max_rows: int = MAX_ROWS
    max_values: int = MAX_VALUES
    notices: tuple[str, ...] = ()

    @property
    def is_of_visits(self) -> bool:
        """Whether all filters are such that visits know."""
        return not self.by_events and _are_of_visits(self.filters)

    @property
    def alone(self) -> "Query":
        """The same query, compared with nothing."""
        return replace(self, compare=False, other=None, previous_since=self.since, previous_until=self.since)

    @property
    def with_more_rows(self) -> "Query":
        """The same query; if it is of one panel, with as many names as a page of it or a file has."""
        if not self.panel:
            return self
        other = self.other and self.other.with_more_rows
        return replace(self, max_rows=MAX_ROWS_ALONE, max_values=MAX_ROWS_ALONE, other=other)

    @property
    def before(self) -> tuple[str, str]:
        """What the numbers that it is compared with are called: in a column's title, and in a sentence."""
        if self.other is None:
            return "Before", "before"
        if self.other.since == self.since:
            return "There", "in the other segment"
        return "Year before", "a year before"

    @property
    def metric(self) -> str:
        """The web vital that the chart shows; empty for none."""
        return MEASURES[self.measure].metric

    @property
    def zone(self) -> ZoneInfo:
        """The reader's zone."""
        zone = self.since.tzinfo
        return zone if isinstance(zone, ZoneInfo) else UTC_ZONE

    @property
    def starts(self) -> list[datetime]:
        """When each step starts."""
        return _starts(self.since, self.until, self.step)

    @property
    def previous_starts(self) -> list[datetime]:
        """When each step of the previous period starts."""
        return _starts(self.previous_since, self.previous_until, self.step)


def ranges_within(retention_days: int) -> dict[str, str]:
    """The ranges that are not longer than the retention."""
    return {name: title for name, title in RANGES.items() if _days_in(name) <= retention_days}


Params = Mapping[str, str] | Iterable[tuple[str, str]]


def parse_query(parameters: Params, now: datetime, retention_days: int) -> Query:
    """The query of the URL parameters. The default is the last 24 hours of what people did, in UTC.

    Raise UnusableFilter; what else cannot be used is corrected, with a notice.

    A period starts at most `retention_days` days ago, today included. An older day may still have rows, as it is
    audited before it is dropped; it is not shown, because it can be gone at the next request.
    """
    pairs = list(parameters.items() if isinstance(parameters, Mapping) else parameters)
    params = dict(pairs)
    zone = zone_named(params.get("tz", "UTC")) or UTC_ZONE
    # The end of the current minute, so that the same parameters within a minute are the same query.
    end = now.astimezone(zone).replace(second=0, microsecond=0) + timedelta(minutes=1)
    range_name, since, until, notices = _period(params, end, retention_days)
    # Days of the calendar: one that is 25 hours long is one.
    days = 1 if range_name == "24h" else ((until - timedelta(minutes=1)).date() - since.date()).days + 1
    step: StepUnit = "hour" if days <= _DEFAULT_DAYS_BY_HOUR else "day"
    if params.get("step") == "day" and range_name != "24h":
        step = "day"
    elif params.get("step") == "hour":
        step = "hour" if days <= _MAX_DAYS_BY_HOUR else "day"
        if step == "day":
            notices.append(f"Hours are shown for up to {_MAX_DAYS_BY_HOUR} days; this chart shows days.")
    filters = _filters(pairs)
    others = _others(params, notices)
    compare, shift = _comparison(params.get("compare", ""), days, others)
    # Python subtracts by the clock on the wall: a day of 23 hours is compared with the whole day before it.
    if compare and (previous := (since - shift).date()) < (oldest := _oldest_day(end, retention_days)):
        if (until - shift).date() < oldest:
            notices.append(f"{_retained(retention_days)}; there are none of {previous} to compare with.")
            compare = False
        else:
            notices.append(
                f"{_retained(retention_days)}; the previous period began on {previous} and is incomplete."
            )
    goal = _goal(params.get("goal", ""), notices)
    measure = _measure(params.get("measure", EVENTS), (*filters, *(others or ())), goal, notices)
    panel = params.get("panel", "")
    if panel and panel not in HISTORY:
        notices.append(f'There is no panel "{panel[:50]}"; there are {", ".join(HISTORY)}.')
        panel = ""
    query = Query(
        range_name=range_name,
        since=since,
        until=until,
        previous_since=since - shift if compare else since,
        previous_until=until - shift if compare else since,
        step=step,
        filters=filters,
        compare=compare,
        by_events=not _are_of_visits(others or ()),
        is_running=until == end,
        # A filter that names a program asks for programs.
        programs=params.get("programs") == "1" or any(_names_a_program(each) for each in filters),
        by_path=params.get("pages") == "paths",
        goal=goal,
        measure=measure,
        panel=panel,
        search=_storable("search", params.get("search", "")) if panel else "",
        notices=tuple(notices),
    )
    if params.get("compare") == "1":
        # On a day of 23 hours, the same hours of the day before end a minute after these begin.
        return replace(query, previous_until=min(query.previous_until, since, key=datetime.timestamp))
    if not compare:
        return query
    since, until = query.previous_since, query.previous_until
    period = replace(query.alone, since=since, until=until, previous_since=since, previous_until=since)
    return replace(query, other=period if others is None else replace(period, filters=others))


def _comparison(text: str, days: int, others: tuple[Condition, ...] | None) -> tuple[bool, timedelta]:
    """Whether something is compared, and how much earlier it began."""
    if text == "year":
        return True, _YEAR
    if others is not None:
        return True, timedelta()
    return text == "1", timedelta(days=days)


def _others(params: Mapping[str, str], notices: list[str]) -> tuple[Condition, ...] | None:
    """The filters of the segment to compare with, if that is asked for."""
    if params.get("compare") != "segment":
        return None
    if "against" not in params:
        notices.append("To compare with a segment, save a view and choose “compare” beside its name.")
        return None
    return _filters(parse_qsl(params["against"].removeprefix("?")))


def _filters(pairs: Iterable[tuple[str, str]]) -> tuple[Condition, ...]:
    """The conditions, each once and in an order that does not depend on the URL's."""
    filters = {condition_of(name, _storable(name, text)) for name, text in pairs if name in FILTERS and text}
    filters = {each for each in filters if each.value}
    for each in filters:
        if each.name == PROPERTY and property_value(each.value) is None:
            raise UnusableFilter(
                f"The filter {PROPERTY} is written TYPE.PROPERTY:VALUE, as feature_used.feature:export_data."
            )
    if len(filters) > MAX_CONDITIONS:
        raise UnusableFilter(f"There are {len(filters)} filters; use at most {MAX_CONDITIONS}.")
    return tuple(sorted(filters))


def _goal(text: str, notices: list[str]) -> Condition | None:
    name, _, value = _storable("goal", text).partition(":")
    if name in ("type", "page") and value:
        return Condition(name, value)
    if text:
        notices.append("A goal is written type:sign_up or page:/thanks.")
    return None


def _are_of_visits(filters: Iterable[Condition]) -> bool:
    return all(each.name in VISIT_FILTERS for each in filters)


def _measure(name: str, filters: Iterable[Condition], goal: Condition | None, notices: list[str]) -> str:
    measures = offered(is_of_visits=_are_of_visits(filters), goal=goal)
    if name in measures:
        return name
    if name in MEASURES:
        missing = "a goal" if _are_of_visits(filters) else "visits, which do not know these filters"
        notices.append(f"{MEASURES[name].title} needs {missing}; the chart shows events.")
    else:
        notices.append(f'There is no measure "{name[:50]}"; there are {", ".join(measures)}.')
    return EVENTS


def _storable(name: str, text: str) -> str:
    if can_be_stored(text):
        return text
    raise UnusableFilter(
        f"The filter {name} contains a character that no event has, such as NUL. Remove it from the URL."
    )


def _names_a_program(condition: Condition) -> bool:
    names = condition.name == "program" or (condition.name == "device" and condition.value == PROGRAM)
    return names and not condition.is_excluded


def _period(
    params: Mapping[str, str], end: datetime, retention_days: int
) -> tuple[str, datetime, datetime, list[str]]:
    """The name of the range, its start and end, and notices."""
    if params.get("from") or params.get("to"):
        return _days(params, end, retention_days)
    name = params.get("range", "24h")
    notices = [] if name in RANGES else [f'There is no range "{name[:20]}"; there are {", ".join(RANGES)}.']
    if name == "24h" or name not in RANGES:
        this_hour = end.replace(minute=0).astimezone(UTC)
        return "24h", (this_hour - 23 * _HOUR).astimezone(end.tzinfo), end, notices
    first = _today(end) - timedelta(days=_days_in(name) - 1)
    first = _clipped(first, end, retention_days, notices)
    return name, _midnight(first, end), end, notices


def _days(
    params: Mapping[str, str], end: datetime, retention_days: int
) -> tuple[str, datetime, datetime, list[str]]:
    """Whole days, the last one included."""
    notices: list[str] = []
    today = _today(end)
    last = _date(params.get("to"), today, notices)
    first = _date(params.get("from"), last, notices)
    first, last = min(first, last), max(first, last)
    first = _clipped(min(first, today), end, retention_days, notices)
    last = max(first, min(last, today))
    return "days", _midnight(first, end), min(_midnight(last + timedelta(days=1), end), end), notices


def _clipped(first: date, end: datetime, retention_days: int, notices: list[str]) -> date:
    """The first day of a period, or the oldest retained day if that is later."""
    oldest = _oldest_day(end, retention_days)
    if first < oldest:
        notices.append(f"{_retained(retention_days)}; this period begins on {oldest}.")
    return max(first, oldest)


def _oldest_day(end: datetime, retention_days: int) -> date:
    return _today(end) - timedelta(days=retention_days - 1)


def _retained(retention_days: int) -> str:
    return f"Events are retained for {retention_days} days"


def _days_in(range_name: str) -> int:
    return 1 if range_name == "24h" else int(range_name.removesuffix("d"))


def _date(text: str | None, default: date, notices: list[str]) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        notices.append(f'"{text[:20]}" is not a date; write it like 2026-11-25.')
        return default


def _today(end: datetime) -> date:
    """The day of the current minute, which ends at `end`."""
    return (end - timedelta(minutes=1)).date()


def _midnight(day: date, end: datetime) -> datetime:
    return datetime.combine(day, time(), end.tzinfo)


def _starts(since: datetime, until: datetime, step: StepUnit) -> list[datetime]:
    starts, start = [], since
    while start.astimezone(UTC) < until.astimezone(UTC):
        starts.append(start)
        if step == "day":
            start += timedelta(days=1)
        else:
            start = (start.astimezone(UTC) + _HOUR).astimezone(since.tzinfo)
    return starts
