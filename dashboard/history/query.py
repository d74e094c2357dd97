"""A query of the history, parsed from URL parameters. No I/O: the time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from dashboard.filters import FILTERS, can_be_stored
from dashboard.render.times import UTC_ZONE, zone_named

RANGES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
StepUnit = Literal["hour", "day"]
# With more bars than these a chart is unreadable.
_MAX_DAYS_BY_HOUR = 14
# Up to so many days the step is an hour unless a parameter says otherwise.
_DEFAULT_DAYS_BY_HOUR = 3
_HOUR = timedelta(hours=1)


class UnusableFilter(ValueError):
    """A filter has a value that no event can have and that Postgres does not even take as a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A period in steps, and the previous period of the same length, if they are compared.

    Times carry the reader's zone. Events count by the time inside their id. Without a comparison the previous
    period is empty. `filters` has the names and values of those that are set. `notices` are sentences about
    parameters that were corrected.
    """

    range_name: str
    since: datetime
    until: datetime
    previous_since: datetime
    previous_until: datetime
    step: StepUnit
    filters: tuple[tuple[str, str], ...]
    compare: bool
    notices: tuple[str, ...] = ()

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


def parse_query(params: Mapping[str, str], now: datetime, retention_days: int) -> Query:
    """The query of the URL parameters. The default is the last 24 hours of everything, in UTC.

    Raise UnusableFilter; what else cannot be used is corrected, with a notice.

    A period starts at most `retention_days` days ago, today included. An older day may still have rows, as it is
    audited before it is dropped; it is not shown, because it can be gone at the next request.
    """
    zone = zone_named(params.get("tz", "UTC")) or UTC_ZONE
    # The end of the current minute, so that the same parameters within a minute are the same query.
    end = now.astimezone(zone).replace(second=0, microsecond=0) + timedelta(minutes=1)
    range_name, since, until, notices = _period(params, end, retention_days)
    days = max(1, -(-(until.astimezone(UTC) - since.astimezone(UTC)) // timedelta(days=1)))
    step: StepUnit = "hour" if days <= _DEFAULT_DAYS_BY_HOUR else "day"
    if params.get("step") == "day" and range_name != "24h":
        step = "day"
    elif params.get("step") == "hour":
        step = "hour" if days <= _MAX_DAYS_BY_HOUR else "day"
        if step == "day":
            notices.append(f"Hours are shown for up to {_MAX_DAYS_BY_HOUR} days; this chart shows days.")
    # Python subtracts by the clock on the wall: a day of 23 hours is compared with the whole day before it.
    shift = timedelta(days=days)
    compare = params.get("compare") == "1"
    if compare and (previous := (since - shift).date()) < _oldest_day(end, retention_days):
        notices.append(f"{_retained(retention_days)}; the previous period began on {previous} and is incomplete.")
    return Query(
        range_name=range_name,
        since=since,
        until=until,
        previous_since=since - shift if compare else since,
        previous_until=until - shift if compare else since,
        step=step,
        filters=_filters(params),
        compare=compare,
        notices=tuple(notices),
    )


def _filters(params: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    filters = tuple((name, value) for name in FILTERS if (value := params.get(name)))
    for name, value in filters:
        if not can_be_stored(value):
            raise UnusableFilter(
                f"The filter {name} contains a character that no event has, such as NUL. Remove it from the URL."
            )
    return filters


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
