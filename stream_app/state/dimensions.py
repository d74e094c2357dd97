"""What is counted, and under which names. A new live aggregate is one line of `LIVE_AGGREGATES`.

A dimension takes columns of the events of one schema, or of every event, and makes a name of them; events are
counted by name in windows. An event for which a dimension has no name is not counted in it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from itertools import chain
from operator import itemgetter

from avro_schemas.live_aggregates import (
    DIRECT,
    DIRECT_SOURCE,
    FIRST_USES,
    HOUR_MS,
    MAX_NAME_BYTES,
    MAX_PROPERTY_BYTES,
    MAX_WEB_VITAL_BINS,
    MAX_WEB_VITAL_BYTES,
    MINUTE_MS,
    PAGE_ERRORS,
    PROPERTIES,
    SLOT_MS,
    WEB_VITALS,
    of_programs,
    page_error,
    web_vital_bin,
)
from avro_schemas.schema import CUSTOM
from avro_schemas.wire.projection import Group
from stream_app.state.custom_properties import named_properties
from stream_app.state.event_reader import ColumnGroups, FastEventReader
from stream_app.state.value_bins import middle_of_bin

MAX_NAMES = 500
# A window is one record, in the changelog and in `live-aggregates`; brokers take a mebibyte. In JSON a name takes
# at most six times its bytes, if it is made of control characters, and its count and weight this many more.
MAX_WINDOW_BYTES = 900_000
_JSON_FACTOR, _COUNT_BYTES = 6, 36

# What an event counts as in a dimension: a name, none, or several of them.
Named = str | Sequence[str] | None
Namer = Callable[[Group], Named]

# Thirty years in milliseconds: beyond that a value is not a measurement, whatever bins could hold.
MAX_MEASUREMENT = 1e12
# Counted events have it anyhow, so it is not read for a schema.
EVENT_TYPE = "event_type"
PAGE_VIEW = "page_view"
_OF_VIEW = ("event_data.page", "country", "channel", "source", "utm_campaign")
_KIND = "device.kind"
_DIGITS = re.compile(r"\d+")


class EmitEvery(IntEnum):
    """How often a window is emitted while it changes, in seconds: long ones less often than short ones."""

    CHECKPOINT = 0
    SECOND = 1
    TEN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Dimension:
    """A live aggregate.

    `grain_ms` is its shortest window; `windows_ms` are longer ones, summed from it. Only the events of `schema`
    are counted, or all if it is None. `label` makes the name from the columns, or several names, each of which
    counts; without it the one column is the name. A window has at most `max_names` names, the most frequent ones,
    and counts all others as `*`; names are cut off behind `max_name_bytes`. Raise ValueError if a window with that
    many names might not fit a record.

    It counts the events of people; its `twin` counts those of programs.
    """

    name: str
    # For the docs: what is counted.
    description: str
    columns: Sequence[str] = ()
    schema: str | None = None
    label: Callable[..., Named] | None = None
    grain_ms: int = MINUTE_MS
    windows_ms: Sequence[int] = (HOUR_MS,)
    max_names: int = MAX_NAMES
    max_name_bytes: int = MAX_NAME_BYTES

    def __post_init__(self) -> None:
        size = self.max_names * (_JSON_FACTOR * self.max_name_bytes + _COUNT_BYTES)
        if size > MAX_WINDOW_BYTES:
            raise ValueError(
                f"the dimension {self.name} has windows of up to {size} bytes, more than {MAX_WINDOW_BYTES}: "
                "lower max_names or max_name_bytes"
            )

    @property
    def twin(self) -> "Dimension":
        """The same for the events of programs."""
        return replace(self, name=of_programs(self.name))

    def emit_every(self, window_ms: int) -> EmitEvery:
        """How often a window of this length is emitted."""
        if window_ms >= HOUR_MS:
            return EmitEvery.TEN_SECONDS
        return EmitEvery.CHECKPOINT if self.grain_ms < MINUTE_MS else EmitEvery.SECOND


# Every state counts these; they need no columns but the event type.
EVENTS = Dimension("events", "Events, by type.", (EVENT_TYPE,), grain_ms=SLOT_MS, windows_ms=(MINUTE_MS, HOUR_MS))
# Records that are not in `events`, in the minute in which they were appended.
LATE = Dimension("late", "Events whose window and grace period were over, by type; in the minute of their append.")
DUPLICATES = Dimension("duplicates", "Repeated events, by type; in the minute of their append.")
REJECTED = Dimension("rejected", "Records that are not events, by reason; in the minute of their append.")
# See first_uses.py.
FIRST = Dimension(
    FIRST_USES,
    "People who used a feature for the first time, by the names of `properties`; in the minute of that use.",
    max_name_bytes=MAX_PROPERTY_BYTES,
)


@dataclass(frozen=True)
class Dimensions:
    """What a state counts: `chosen`, and the five dimensions that every state counts.

    One value serves all partitions of a process: its reader compiles a pattern per schema and caches columns.
    """

    chosen: tuple[Dimension, ...]

    @cached_property
    def all(self) -> tuple[Dimension, ...]:
        """Those that every state counts, then the chosen ones."""
        return (EVENTS, LATE, DUPLICATES, REJECTED, FIRST, *self.chosen)

    @cached_property
    def twins(self) -> tuple[Dimension, ...]:
        """What is counted of programs."""
        return tuple(dimension.twin for dimension in (EVENTS, *self.chosen))

    @cached_property
    def common(self) -> tuple[Dimension, ...]:
        """The chosen ones that count events of every schema."""
        return tuple(dimension for dimension in self.chosen if dimension.schema is None)

    @cached_property
    def by_schema(self) -> Mapping[str, Sequence[Sequence[Dimension]]]:
        """The chosen ones that count events of one schema, by its name: in groups that share no column."""
        found: dict[str, list[list[Dimension]]] = {}
        for dimension in self.chosen:
            if dimension.schema is not None:
                groups = found.get(dimension.schema, [])
                joined = [group for group in groups if not set(_columns(group)).isdisjoint(dimension.columns)]
                others = [group for group in groups if group not in joined]
                found[dimension.schema] = [*others, [*chain(*joined), dimension]]
        return found

    @cached_property
    def of_features(self) -> Mapping[str, tuple[Dimension, int]]:
        """By schema, the dimension that counts the features which an event uses, and the place of its columns."""
        return {
            schema: (dimension, place)
            for schema, groups in self.by_schema.items()
            for place, group in enumerate(groups)
            for dimension in group
            if dimension.name == PROPERTIES
        }

    @cached_property
    def columns(self) -> ColumnGroups:
        """The columns that the dimensions take, each once, and what tells programs from people."""
        own = {schema: [_own_columns(group) for group in groups] for schema, groups in self.by_schema.items()}
        common = dict.fromkeys((*_columns((EVENTS, *self.common)), _KIND))
        return ColumnGroups(tuple(common), own)

    @cached_property
    def kind(self) -> Callable[[Group], str]:
        """The kind of device that sent an event, from the common columns."""
        return itemgetter(self.columns.common.index(_KIND))

    @cached_property
    def release(self) -> Callable[[Group], str | None]:
        """The release that an event is of, from the common columns; None if no dimension takes it."""
        common = self.columns.common
        return itemgetter(common.index("release")) if "release" in common else lambda _columns: None

    @cached_property
    def of_view(self) -> Callable[[tuple[Group, ...]], Sequence[str | None]]:
        """Page, country, channel, source and campaign of a view from its own columns, as far as they are read."""
        groups = self.columns.own.get(PAGE_VIEW, ())
        places = [
            next(((n, group.index(column)) for n, group in enumerate(groups) if column in group), None)
            for column in _OF_VIEW
        ]
        return lambda own: [place and own[place[0]][place[1]] for place in places]

    @cached_property
    def of_type(self) -> Collection[str]:
        """The schemas of which each group of dimensions takes the event type too, before its own columns."""
        return {
            schema
            for schema, groups in self.by_schema.items()
            if any(EVENT_TYPE in _columns(group) for group in groups)
        }

    @cached_property
    def namers(self) -> Mapping[str, Namer]:
        """For each chosen dimension, the function that names an event in it."""
        return {dimension.name: self._namer(dimension) for dimension in self.chosen}

    @cached_property
    def reader(self) -> FastEventReader:
        """Reads the columns."""
        return FastEventReader(self.columns)

    def _namer(self, dimension: Dimension) -> Namer:
        columns = self.columns.common
        if dimension.schema:
            groups = self.by_schema[dimension.schema]
            columns = next(_own_columns(group) for group in groups if dimension in group)
            if dimension.schema in self.of_type:
                columns = (EVENT_TYPE, *columns)
        places = [columns.index(column) for column in dimension.columns]
        label = dimension.label
        if label is None:
            return itemgetter(places[0])
        return lambda values: label(*(values[place] for place in places))


def _columns(dimensions: Iterable[Dimension]) -> Sequence[str]:
    """Their columns, each once."""
    return tuple(dict.fromkeys(column for dimension in dimensions for column in dimension.columns))


def _own_columns(dimensions: Iterable[Dimension]) -> Sequence[str]:
    """Those of them that must be read of a schema's events."""
    return tuple(column for column in _columns(dimensions) if column != EVENT_TYPE)


def arrival(source: str | None, channel: str | None) -> str | None:
    """The source, or that there was none; no name for views that do not begin a visit."""
    return DIRECT_SOURCE if channel == DIRECT else source


def successful_form(form: str, success: bool | None) -> str | None:
    """The form, if its submission succeeded."""
    return form if success else None


def fingerprint(kind: str | None, message: str, source: str | None) -> str:
    """What all occurrences of an error have in common: kind, message without its numbers, file."""
    words = _DIGITS.sub("#", message)[:120]
    where = f" ({source.rsplit('/', 1)[-1]})" if source else ""
    return f"{kind or 'Error'}: {words}{where}"


def fingerprint_on_page(page: str | None, kind: str | None, message: str, source: str | None) -> str:
    """The start of the page's path, and the error's fingerprint."""
    return page_error((page or "")[:60], fingerprint(kind, message, source))


def binned(metric: str, value: float) -> str | None:
    """The metric and the middle of the value's bin, such as `LCP 1224`; None if the value is not a measurement."""
    if not 0 <= value <= MAX_MEASUREMENT:  # NaN is not either
        return None
    return web_vital_bin(metric, middle_of_bin(value))


LIVE_AGGREGATES = Dimensions(
    (
        # Of every event.
        Dimension("browsers", "Events, by browser; of programs, by their names.", ("device.browser",)),
        Dimension("systems", "Events, by operating system.", ("device.system",)),
        Dimension("devices", "Events, by class of device.", ("device.kind",)),
        Dimension("releases", "Events, by release of the page or backend that sent them.", ("release",)),
        Dimension("sites", "Events, by site.", ("site",)),
        # Of the events of one schema.
        Dimension("pages", "Page views, by page.", ("event_data.page",), "page_view"),
        Dimension(
            "sources",
            "Page views that came from elsewhere, by source; `(direct)` where the channel is `direct`.",
            ("source", "channel"),
            "page_view",
            arrival,
        ),
        Dimension("channels", "Page views that came from elsewhere, by channel.", ("channel",), "page_view"),
        Dimension("campaigns", "Page views, by `utm_campaign`.", ("utm_campaign",), "page_view"),
        Dimension("countries", "Page views, by country.", ("country",), "page_view"),
        Dimension("buttons", "Clicks, by button.", ("event_data.button",), "button_click"),
        Dimension("forms", "Submissions, by form.", ("event_data.form",), "form_submit"),
        Dimension(
            "form_successes",
            "Successful submissions, by form.",
            ("event_data.form", "event_data.success"),
            "form_submit",
            successful_form,
        ),
        Dimension(
            "errors",
            "Errors, by fingerprint: kind, message without numbers, file.",
            ("event_data.kind", "event_data.message", "event_data.source"),
            "error_encountered",
            fingerprint,
        ),
        Dimension(
            PAGE_ERRORS,
            "Errors, by page and fingerprint, separated by a tab.",
            ("event_data.page", "event_data.kind", "event_data.message", "event_data.source"),
            "error_encountered",
            fingerprint_on_page,
        ),
        Dimension(
            PROPERTIES,
            "Properties of custom events, by event type, name and value, separated by tabs.",
            (EVENT_TYPE, "event_data.properties"),
            CUSTOM,
            named_properties,
            max_name_bytes=MAX_PROPERTY_BYTES,
        ),
        Dimension(
            WEB_VITALS,
            "Measurements, by metric and value; values within 2 % share a bin, so the counts give quantiles.",
            ("event_data.metric", "event_data.value"),
            "web_vital",
            binned,
            max_names=MAX_WEB_VITAL_BINS,
            max_name_bytes=MAX_WEB_VITAL_BYTES,
        ),
    )
)
