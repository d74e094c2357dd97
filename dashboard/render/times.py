"""Times and time zones as people read them. Times are milliseconds since 1970. No I/O."""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from service_kit.moments import utc

UTC_ZONE = ZoneInfo("UTC")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@lru_cache(maxsize=512)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone of the IANA database with this name, or None."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def clock(at: int, zone: ZoneInfo = UTC_ZONE) -> str:
    return f"{utc(at).astimezone(zone):%H:%M:%S}"


def day_and_minute(at: int, zone: ZoneInfo = UTC_ZONE) -> str:
    return f"{utc(at).astimezone(zone):%Y-%m-%d %H:%M}"


def day(at: int, zone: ZoneInfo = UTC_ZONE) -> str:
    return f"{utc(at).astimezone(zone):%Y-%m-%d}"


def minute(at: int, zone: ZoneInfo = UTC_ZONE) -> str:
    return clock(at, zone)[:5]


# How a page writes a time, by the step of its chart: the live page shows minutes, the history page the day too.
FORMATS = {"minute": minute, "hour": day_and_minute, "day": day}


def offset(now: datetime) -> str:
    """The zone's distance from UTC at this time, in words: `UTC+05:30`; empty for UTC itself."""
    written = f"{now:%z}"
    return "" if now.tzinfo == UTC_ZONE else f"UTC{written[:3]}:{written[3:5]}"


def iso(at: int) -> str:
    """For programs: ISO 8601, in UTC."""
    return utc(at).isoformat(timespec="seconds").replace("+00:00", "Z")


def duration(milliseconds: float) -> str:
    """A duration in one unit, rounded down: `3 min`."""
    seconds = int(milliseconds // 1000)
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    return f"{seconds // size} {unit}"


def total(value: float, kind: str) -> str:
    """A total as people read it: `1,234`, `2.41`, `38.5 %` or `1 min 20 s`."""
    if kind == "percent":
        return f"{value:.1f} %"
    if kind == "decimal":
        return f"{value:,.2f}"
    if kind == "seconds":
        minutes, seconds = divmod(round(value), 60)
        hours, minutes = divmod(minutes, 60)
        parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes) + [f"{seconds} s"] * (not hours)
        return " ".join(parts)
    return f"{value:,}"
