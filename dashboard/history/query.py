"""What is asked of the history, read from an address. Pure: the time comes in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from dashboard.render.times import UTC_ZONE, zone_named

RANGES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
DEVICES = ("desktop", "mobile", "tablet", "bot", "unknown")
Step = Literal["hour", "day"]
# More bars than this are no chart.
_MAX_HOUR_DAYS = 14
_HOURS_BY_ITSELF = 3
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """Only events of this type, on this page, from this class of device; None for all."""

    type: str | None = None
    page: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A period, cut into steps, and the same length of time before it, if it is compared.

    Times carry the zone. Events count by the time inside their id. `faults` are sentences about what was asked and
    cannot be had; then something near is answered.
    """

    name: str
    since: datetime
    until: datetime
    before_since: datetime
    before_until: datetime
    step: Step
    filters: Filters
    compares: bool
    faults: tuple[str, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The reader's zone."""
        zone = self.since.tzinfo
        return zone if isinstance(zone, ZoneInfo) else UTC_ZONE

    @property
    def starts(self) -> list[datetime]:
        """When each step begins."""
        return _starts(self.since, self.until, self.step)

    @property
    def before_starts(self) -> list[datetime]:
        """When each step of the period before begins."""
        return _starts(self.before_since, self.before_until, self.step)


def ranges_within(retention_days: int) -> dict[str, str]:
    """The ranges that are no longer than the retention."""
    return {name: words for name, words in RANGES.items() if _days_in(name) <= retention_days}


def question(asked: Mapping[str, str], now: datetime, retention_days: int) -> Question:
    """Read an address; what it leaves out is the last 24 hours of everything, in UTC.

    A period begins at most `retention_days` days ago, today included. An older day may still have rows, as it is
    audited before it is dropped; it is not shown, because it can be gone at the next request.
    """
    zone = zone_named(asked.get("tz", "UTC")) or UTC_ZONE
    # The current minute counts: then the same question in the same minute is the same.
    here = now.astimezone(zone).replace(second=0, microsecond=0) + timedelta(minutes=1)
    name, since, until, faults = _period(asked, here, retention_days)
    days = max(1, -(-(until.astimezone(UTC) - since.astimezone(UTC)) // timedelta(days=1)))
    step: Step = "hour" if days <= _HOURS_BY_ITSELF else "day"
    if asked.get("step") == "day" and name != "24h":
        step = "day"
    elif asked.get("step") == "hour":
        step = "hour" if days <= _MAX_HOUR_DAYS else "day"
        if step == "day":
            faults.append(f"Hours are shown for up to {_MAX_HOUR_DAYS} days; these are days.")
    # Python subtracts by the clock on the wall: a day of 23 hours is compared with the whole day before.
    back = timedelta(days=days)
    compares = asked.get("compare") == "1"
    if compares and (before := (since - back).date()) < _oldest(here, retention_days):
        faults.append(f"{_kept_for(retention_days)}; the period before began on {before} and is not complete.")
    return Question(
        name=name,
        since=since,
        until=until,
        before_since=since - back if compares else since,
        before_until=until - back if compares else since,
        step=step,
        filters=Filters(*(asked.get(each) or None for each in ("type", "page", "device"))),
        compares=compares,
        faults=tuple(faults),
    )


def _period(
    asked: Mapping[str, str], here: datetime, retention_days: int
) -> tuple[str, datetime, datetime, list[str]]:
    if asked.get("from") or asked.get("to"):
        return _days(asked, here, retention_days)
    name = asked.get("range", "24h")
    faults = [] if name in RANGES else [f'There is no range "{name[:20]}"; there are {", ".join(RANGES)}.']
    if name == "24h" or name not in RANGES:
        this_hour = here.replace(minute=0).astimezone(UTC)
        return "24h", (this_hour - 23 * _HOUR).astimezone(here.tzinfo), here, faults
    first = _today(here) - timedelta(days=_days_in(name) - 1)
    first = _clipped(first, here, retention_days, faults)
    return name, _midnight(first, here), here, faults


def _days(
    asked: Mapping[str, str], here: datetime, retention_days: int
) -> tuple[str, datetime, datetime, list[str]]:
    """Whole days, the last one included."""
    faults: list[str] = []
    today = _today(here)
    last = _date(asked.get("to"), today, faults)
    first = _date(asked.get("from"), last, faults)
    first, last = min(first, last), max(first, last)
    first = _clipped(min(first, today), here, retention_days, faults)
    last = max(first, min(last, today))
    return "days", _midnight(first, here), min(_midnight(last + timedelta(days=1), here), here), faults


def _clipped(first: date, here: datetime, retention_days: int, faults: list[str]) -> date:
    """The first day of a period, or the oldest day that is kept where that is later."""
    oldest = _oldest(here, retention_days)
    if first < oldest:
        faults.append(f"{_kept_for(retention_days)}; this period begins on {oldest}.")
    return max(first, oldest)


def _oldest(here: datetime, retention_days: int) -> date:
    return _today(here) - timedelta(days=retention_days - 1)


def _kept_for(retention_days: int) -> str:
    return f"Events are kept for {retention_days} days"


def _days_in(name: str) -> int:
    return 1 if name == "24h" else int(name.removesuffix("d"))


def _date(text: str | None, otherwise: date, faults: list[str]) -> date:
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(f'"{text[:20]}" is no day; write 2026-11-25.')
        return otherwise


def _today(here: datetime) -> date:
    """The day of the current minute, which ends at `here`."""
    return (here - timedelta(minutes=1)).date()


def _midnight(day: date, here: datetime) -> datetime:
    return datetime.combine(day, time(), here.tzinfo)


def _starts(since: datetime, until: datetime, step: Step) -> list[datetime]:
    starts, moment = [], since
    while moment.astimezone(UTC) < until.astimezone(UTC):
        starts.append(moment)
        if step == "day":
            moment += timedelta(days=1)
        else:
            moment = (moment.astimezone(UTC) + _HOUR).astimezone(since.tzinfo)
    return starts
