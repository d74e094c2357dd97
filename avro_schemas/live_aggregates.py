"""What writer and readers of `live-aggregates` must agree on beyond its schema: keys, windows, names, sketches.

The stream app writes these formats, the dashboard reads them; docs/live-aggregates.md describes them for others.
"""

import math

SLOT_MS, MINUTE_MS, HOUR_MS = 10_000, 60_000, 3_600_000

# Counts since the beginning; their window is 0 seconds long.
TOTAL, OUTCOME = "total", "outcome"
# Of every record of `events`: its name in the dimension `outcome`. Only the first two are in `total`.
OUTCOMES = ("counted", "late", "duplicate", "rejected", "uncertain")
# Dimensions whose records carry a sketch. People are the users, and the visitors that were not signed in at all:
# `ACTIVE_VISITORS` has those of events without a user, `SIGNED_IN_VISITORS` those of events with one.
ACTIVE_USERS, ACTIVE_VISITORS, SIGNED_IN_VISITORS = "active_users", "active_visitors", "signed_in_visitors"
SKETCHED = (ACTIVE_USERS, ACTIVE_VISITORS, SIGNED_IN_VISITORS)
# Events by type.
EVENTS = "events"
# Dimensions whose names have a format, made and read by the functions below.
PAGE_ERRORS, WEB_VITALS, PROPERTIES = "page_errors", "web_vitals", "properties"
# People who used a feature for the first time, by the names of `PROPERTIES`.
FIRST_USES = "first_uses"
# The channel of page views without a source, and their name in `sources`.
DIRECT, DIRECT_SOURCE = "direct", "(direct)"

# The name that counts all names for which a window has no room.
OTHER = "*"
# A window must fit a record, so its names are bounded in number and, as clients choose them, in bytes of UTF-8.
MAX_NAME_BYTES = 200

# HyperLogLog with 2**11 = 2,048 registers: about 2 % off, 2 kB at most. Sketches of different sizes can be united
# only with a loss, so all partitions use the same.
LG_REGISTERS = 11
# Values of a web vital that differ by less than this share one bin, and so one name.
WEB_VITAL_ACCURACY = 0.02
# Four decades of values in bins of twice the accuracy, for each metric, are about this many.
MAX_WEB_VITAL_BINS = 2_000
# Of the name of a web vital: the metric in at most 48 bytes, a space, and a number of at most eleven.
MAX_WEB_VITAL_BYTES = 60
_MAX_METRIC_BYTES = 48
# Of the name of a property of a custom event: the event type in at most 100 bytes, its name, its value, two tabs.
MAX_PROPERTY_BYTES = 240

_TAB = "\t"
_MAX_BYTES_PER_CHARACTER = 4


def record_key(partition: int, dimension: str, window_seconds: int, window_start: int) -> bytes:
    """The record's key; `window_start` in milliseconds since 1970."""
    return f"{partition}|{dimension}|{window_seconds}|{window_start}".encode()


# `device.kind` of programs, which are not people: not here, and not in SQL.
PROGRAM = "bot"
# A dimension counts the events of people; its twin counts those of programs.
_OF_PROGRAMS = "_of_programs"


def of_programs(dimension: str) -> str:
    """The dimension that counts for programs what this one counts for people."""
    return dimension + _OF_PROGRAMS


def shortened(name: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """The start of a name that takes at most `max_bytes` in UTF-8."""
    if len(name) * _MAX_BYTES_PER_CHARACTER <= max_bytes:
        return name
    encoded = name.encode()
    return name if len(encoded) <= max_bytes else encoded[:max_bytes].decode(errors="ignore")


def page_error(page: str, error: str) -> str:
    """A name in `page_errors`."""
    return f"{page}{_TAB}{error}"


def split_page_error(name: str) -> tuple[str, str]:
    """Page and error of a name in `page_errors`."""
    page, _, error = name.partition(_TAB)
    return page, error


def custom_property(event_type: str, name: str, value: str) -> str:
    """A name in `properties`. Neither event type nor name may hold a tab."""
    return f"{event_type}{_TAB}{name}{_TAB}{value}"


def split_custom_property(name: str) -> tuple[str, str, str]:
    """Event type, name and value of a name in `properties`."""
    event_type, _, rest = name.partition(_TAB)
    property_name, _, value = rest.partition(_TAB)
    return event_type, property_name, value


def web_vital_bin(metric: str, value: float) -> str:
    """A name in `web_vitals`, such as `LCP 1224`: the metric and the middle of the bin."""
    return f"{shortened(metric, _MAX_METRIC_BYTES)} {value:.4g}"


def split_web_vital_bin(name: str) -> tuple[str, float] | None:
    """Metric and middle of the bin of a name in `web_vitals`; None for others, such as `*`.

    Clients choose the metric, so it may hold spaces too: the value is what follows the last one.
    """
    metric, _, text = name.rpartition(" ")
    try:
        value = float(text)
    except ValueError:
        return None
    return (metric, value) if metric and math.isfinite(value) else None
