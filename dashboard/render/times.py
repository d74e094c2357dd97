"""Moments and zones as people read them. Pure. Moments are milliseconds since 1970."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

UTC_ZONE = ZoneInfo("UTC")
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@lru_cache(maxsize=512)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone of the IANA database with this name; None for what is no such name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def clock(moment: int, zone: ZoneInfo = UTC_ZONE) -> str:
    """Hours, minutes and seconds."""
    return f"{datetime.fromtimestamp(moment / 1000, zone):%H:%M:%S}"


def day_and_clock(moment: int, zone: ZoneInfo = UTC_ZONE) -> str:
    """Day and minute."""
    return f"{datetime.fromtimestamp(moment / 1000, zone):%Y-%m-%d %H:%M}"


def day(moment: int, zone: ZoneInfo = UTC_ZONE) -> str:
    """The day."""
    return f"{datetime.fromtimestamp(moment / 1000, zone):%Y-%m-%d}"


def minute(moment: int, zone: ZoneInfo = UTC_ZONE) -> str:
    """Hours and minutes."""
    return clock(moment, zone)[:5]


# How a page writes its moments, by name: the live page in minutes, the history with the day.
FORMATS = {"minute": minute, "hour": day_and_clock, "day": day}


def iso(moment: int) -> str:
    """For programs, in UTC."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def span(milliseconds: float) -> str:
    """A length of time in one unit, cut: `3 min`."""
    seconds = int(milliseconds // 1000)
    size, unit = next(((size, unit) for size, unit in _STEPS if seconds >= size), (1, "s"))
    return f"{seconds // size} {unit}"
