"""What is counted, and under which names. A new live aggregate is one line here.

A dimension takes columns of the events of one schema, or of every event, and makes a name of them; events are
counted by name in windows. What is not counted in a dimension has no name in it.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter

from ddsketch.mapping import LogarithmicMapping

from avro_schemas.live_aggregates import (
    HOUR_MS,
    MAX_WEB_VITAL_BINS,
    MINUTE_MS,
    PAGE_ERRORS,
    SLOT_MS,
    WEB_VITAL_ACCURACY,
    WEB_VITALS,
    page_error,
    web_vital_bin,
)
from avro_schemas.wire.event_reader import Columns
from avro_schemas.wire.projection import Group

MAX_NAMES = 500
MAX_NAME_LENGTH = 200

Label = Callable[..., str | None]

_BINS = LogarithmicMapping(WEB_VITAL_ACCURACY)
_DIGITS = re.compile(r"\d+")


class Pace(IntEnum):
    """How soon a window is told after it changed: what is long or has many names need not be told at once."""

    AT_ONCE = 0
    SOON = 1
    LATER = 2


@dataclass(frozen=True, slots=True)
class Dimension:
    """A live aggregate; `about` says for the docs what is counted.

    `grain_ms` is its finest window, `windows_ms` are longer ones that are added up from it. `schema` is whose
    events are counted, None for all. `label` makes the name from the columns; without it the one column is the
    name. A grain keeps `max_names` and counts further ones together.
    """

    name: str
    about: str
    columns: Sequence[str] = ()
    schema: str | None = None
    label: Label | None = None
    grain_ms: int = MINUTE_MS
    windows_ms: Sequence[int] = (HOUR_MS,)
    max_names: int = MAX_NAMES

    def pace(self, window_ms: int) -> Pace:
        """How soon a window of this length is told."""
        if window_ms >= HOUR_MS:
            return Pace.LATER
        return Pace.AT_ONCE if self.grain_ms < MINUTE_MS else Pace.SOON


def successful(form: str, success: bool | None) -> str | None:
    """The form, if it was taken."""
    return form if success else None


def fingerprint(kind: str | None, message: str, source: str | None) -> str:
    """What the same error has in common each time: numbers in its message differ."""
    words = _DIGITS.sub("#", message)[:120]
    where = f" ({source.rsplit('/', 1)[-1]})" if source else ""
    return f"{kind or 'Error'}: {words}{where}"


def on_page(page: str | None, kind: str | None, message: str, source: str | None) -> str:
    """The start of the page's path, and the error's fingerprint."""
    return page_error((page or "")[:60], fingerprint(kind, message, source))


def measured(metric: str, value: float) -> str | None:
    """The metric and the middle of the value's bin, such as `LCP 1224`; None for what is no measure."""
    if not math.isfinite(value) or value < 0:
        return None
    return web_vital_bin(metric, _BINS.value(_BINS.key(value)) if value > _BINS.min_possible else 0)


EVENTS = Dimension(
    "events", "Events, by type.", ("event_type",), grain_ms=SLOT_MS, windows_ms=(MINUTE_MS, HOUR_MS)
)
# What is not in `events`, by the minute it was appended in.
LATE = Dimension("late", "Events whose window and the grace were over, by type; by the time they were appended.")
DUPLICATES = Dimension("duplicates", "Repeats of events, by type; by the time they were appended.")
REJECTED = Dimension("rejected", "Records that are no events, by reason; by the time they were appended.")
# Of every event.
COMMON = (
    Dimension("browsers", "Events, by browser.", ("device.browser",)),
    Dimension("systems", "Events, by operating system.", ("device.system",)),
    Dimension("devices", "Events, by class of device; programs are `bot`.", ("device.kind",)),
)
# Of the events of one schema.
OWN = (
    Dimension("pages", "Page views, by page.", ("event_data.page",), "page_view"),
    Dimension("referrers", "Page views, by where the user came from.", ("event_data.referrer",), "page_view"),
    Dimension("buttons", "Clicks, by button.", ("event_data.button",), "button_click"),
    Dimension("forms", "Submissions, by form.", ("event_data.form",), "form_submit"),
    Dimension(
        "form_successes",
        "Submissions that were taken, by form.",
        ("event_data.form", "event_data.success"),
        "form_submit",
        successful,
    ),
    Dimension(
        "errors",
        "Errors, by what the same error has in common: kind, message without numbers, file.",
        ("event_data.kind", "event_data.message", "event_data.source"),
        "error_encountered",
        fingerprint,
    ),
    Dimension(
        PAGE_ERRORS,
        "Errors, by page and what the same error has in common, with a tab between.",
        ("event_data.page", "event_data.kind", "event_data.message", "event_data.source"),
        "error_encountered",
        on_page,
    ),
    Dimension(
        WEB_VITALS,
        "Measures, by name and value; values within two per cent share one: quantiles follow from the counts.",
        ("event_data.metric", "event_data.value"),
        "web_vital",
        measured,
        max_names=MAX_WEB_VITAL_BINS,
    ),
)
ALL = (EVENTS, LATE, DUPLICATES, REJECTED, *COMMON, *OWN)

COMMON_COLUMNS = ("event_type", *(column for dimension in COMMON for column in dimension.columns))


def own_columns() -> dict[str, list[str]]:
    """The columns that the dimensions take of each schema's own fields, each once."""
    found: dict[str, list[str]] = {}
    for dimension in OWN:
        columns = found.setdefault(str(dimension.schema), [])
        columns += [column for column in dimension.columns if column not in columns]
    return found


COLUMNS = Columns(COMMON_COLUMNS, own_columns())


def namer(dimension: Dimension) -> Callable[[Group], str | None]:
    """A function from the columns of an event to its name in a dimension."""
    columns = COLUMNS.own[dimension.schema] if dimension.schema else COLUMNS.common
    places = [columns.index(column) for column in dimension.columns]
    label = dimension.label
    if label is None:
        return itemgetter(places[0])
    return lambda values: label(*(values[place] for place in places))
