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

from avro_schemas.events import Columns
from avro_schemas.projection import Group

SLOT_MS, MINUTE_MS, HOUR_MS = 10_000, 60_000, 3_600_000
MOST_NAMES = 500
OTHER = "*"
MOST_NAME = 200

Label = Callable[..., str | None]

# Values within two per cent of each other share a name, so that quantiles can be read from the counts.
_BINS = LogarithmicMapping(0.02)
_DIGITS = re.compile(r"\d+")


class Pace(IntEnum):
    """How soon a window is told after it changed: what is long or has many names need not be told at once."""

    AT_ONCE = 0
    SOON = 1
    LATER = 2


@dataclass(frozen=True, slots=True)
class Dimension:
    """A live aggregate.

    `grain_ms` is its finest window, `windows_ms` are longer ones that are added up from it. `schema` is whose
    events are counted, None for all. `label` makes the name from the columns; without it the one column is the
    name. A grain keeps `most_names` and counts further ones together.
    """

    name: str
    columns: Sequence[str] = ()
    schema: str | None = None
    label: Label | None = None
    grain_ms: int = MINUTE_MS
    windows_ms: Sequence[int] = (HOUR_MS,)
    most_names: int = MOST_NAMES

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


def measured(metric: str, value: float) -> str | None:
    """The metric and the middle of the value's bin, such as `LCP 1224`; None for what is no measure."""
    if not math.isfinite(value) or value < 0:
        return None
    return f"{metric} {_BINS.value(_BINS.key(value)):.4g}" if value > _BINS.min_possible else f"{metric} 0"


EVENTS = Dimension("events", ("event_type",), grain_ms=SLOT_MS, windows_ms=(MINUTE_MS, HOUR_MS))
# Events that are not in `events`, and records that are none: by the minute they were appended in.
LATE, DUPLICATES, REJECTED = Dimension("late"), Dimension("duplicates"), Dimension("rejected")
# Of every event.
COMMON = (
    Dimension("browsers", ("device.browser",)),
    Dimension("systems", ("device.system",)),
    Dimension("devices", ("device.kind",)),
)
# Of the events of one schema.
OWN = (
    Dimension("pages", ("event_data.page",), "page_view"),
    Dimension("referrers", ("event_data.referrer",), "page_view"),
    Dimension("buttons", ("event_data.button",), "button_click"),
    Dimension("forms", ("event_data.form",), "form_submit"),
    Dimension("form_successes", ("event_data.form", "event_data.success"), "form_submit", successful),
    Dimension(
        "errors", ("event_data.kind", "event_data.message", "event_data.source"), "error_encountered", fingerprint
    ),
    Dimension("error_pages", ("event_data.page",), "error_encountered"),
    Dimension("web_vitals", ("event_data.metric", "event_data.value"), "web_vital", measured, most_names=2_000),
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
