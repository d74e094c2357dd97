"""The daily partitions of `raw_events`: names and bounds, pure."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

# A client's own id may be seven days old or lie ten minutes ahead.
DAYS_BACK = 8
DAYS_AHEAD = 14
HOUR_MS = 3_600_000


def wanted(today: date) -> list[date]:
    """The days that must have a partition."""
    return [today + timedelta(days=offset) for offset in range(-DAYS_BACK, DAYS_AHEAD + 1)]


def days_ahead(days: Collection[date], today: date) -> int:
    """How many days in a row after today have a partition."""
    ahead = 0
    while today + timedelta(days=ahead + 1) in days:
        ahead += 1
    return ahead


def name_of(day: date) -> str:
    """The partition's table."""
    return f"raw_events_{day:%Y%m%d}"


def packed_name_of(day: date) -> str:
    """The table of a day's packed rows."""
    return f"packed_events_{day:%Y%m%d}"


def day_named(table: str) -> date:
    """The day of a partition's table."""
    return datetime.strptime(table.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC).date()


def hour_of(event_id: UUID) -> int:
    """The hour of the time inside an id, in hours since 1970."""
    return (event_id.int >> 80) // HOUR_MS


def bounds(day: date) -> tuple[UUID, UUID]:
    """The smallest id of the day, and of the next."""
    return _first_id(day), _first_id(day + timedelta(days=1))


def day_of(event_id: UUID) -> date:
    """The UTC day of the time inside an id."""
    return datetime.fromtimestamp((event_id.int >> 80) / 1000, UTC).date()


def _first_id(day: date) -> UUID:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UUID(int=int(moment.timestamp() * 1000) << 80)
