"""The panels of both pages: what each counts, its columns and its place. A new panel is one entry here.

A panel that ranks names by count needs nothing else: on the live page its rows are the most frequent names of a
`dimension` of `live-aggregates`, on the history page those of an `expression` over the events. The few panels
without either get their rows from a function each in live/panel_rows.py, live/snapshot.py and history/result.py.
Templates and scripts loop over the panels and know only the kinds of columns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from avro_schemas.schema import typed_events
from dashboard.filters import FILTERS

Cell = str | float | int | list[float] | None
# The cells of each row, by the row's name.
Rows = dict[str, list[Cell]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Its `kind` says how templates and scripts write a cell.

    The kind `key` is the row's name; every other kind takes the next of the row's cells.
    """

    title: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A table of the page."""

    name: str
    title: str
    columns: tuple[Column, ...]
    # What the panel says when it has no rows: what to send, if that helps.
    empty: str
    # The live aggregate whose names are the rows of the live page.
    dimension: str = ""
    # The SQL expression that names the row an event counts in, null for none; see sql/selected_events.sql for the
    # columns. It becomes part of the query's text, so it is a constant here and never holds text of a request.
    # It is not a format string: write `%` as `%%`.
    expression: str = ""
    # Of the dimension's or expression's names, the ones to show.
    shows: Callable[[str], bool] = lambda _name: True
    # The filter of the history page (filters.py) that a click on a row's name sets.
    filter: str = ""
    # Rows are ranked by their first count; else they stay in the order they come in.
    is_ranked: bool = True
    # Two of the grid's three columns wide.
    is_wide: bool = False

    @property
    def has_share(self) -> bool:
        """Whether the count of a name is followed by its share of all."""
        return any(column.kind == "percent" for column in self.columns)


def _counted(key: str, count: str, *more: Column) -> tuple[Column, ...]:
    return (Column(key, "key"), Column(count, "count"), *more)


def _is_custom(event_type: str) -> bool:
    return event_type not in typed_events()


# On both pages, in this order.
PANELS = (
    Panel(
        name="pages",
        title="Pages",
        columns=_counted("Page", "Views"),
        empty="Send page_view with event_data.page.",
        dimension="pages",
        expression="case when event_type = 'page_view' then event_data ->> 'page' end",
        filter="page",
    ),
    Panel(
        name="sources",
        title="Sources",
        columns=_counted("Source", "Views"),
        empty="Send page_view with event_data.referrer.",
        dimension="sources",
        expression=f"case when event_type = 'page_view' then {FILTERS['source'].expression} end",
        filter="source",
    ),
    Panel(
        name="channels",
        title="Channels",
        columns=_counted("Channel", "Views"),
        empty="Send page_view with event_data.referrer.",
        dimension="channels",
        expression="case when event_type = 'page_view' then channel end",
        filter="channel",
    ),
    Panel(
        name="campaigns",
        title="Campaigns",
        columns=_counted("Campaign", "Views"),
        empty="Add utm_campaign to links.",
        dimension="campaigns",
        expression="case when event_type = 'page_view' then utm_campaign end",
        filter="campaign",
    ),
    Panel(
        name="countries",
        title="Countries",
        columns=_counted("Country", "Views"),
        empty="The collector needs FOOTFALL_IP_DATABASE.",
        dimension="countries",
        expression="case when event_type = 'page_view' then country end",
        filter="country",
    ),
    Panel(
        name="event_types",
        title="Event types",
        columns=_counted("Type", "Events", Column("Share", "percent")),
        empty="No events yet.",
        dimension="events",
        expression="event_type",
        filter="type",
    ),
    Panel(
        name="errors",
        title="Errors",
        columns=(
            Column("Error", "text"),
            Column("Page", "page"),
            Column("Count", "count"),
            Column("First", "time"),
            Column("Last", "time"),
        ),
        empty="No errors. They are sent as error_encountered.",
        is_wide=True,
    ),
    Panel(
        name="buttons",
        title="Buttons",
        columns=_counted("Button", "Clicks"),
        empty="Send button_click with event_data.button.",
        dimension="buttons",
        expression="case when event_type = 'button_click' then event_data ->> 'button' end",
    ),
    Panel(
        name="web_vitals",
        title="Page speed",
        columns=(
            Column("Metric", "text"),
            Column("p75", "value"),
            Column("Rating", "rating"),
            Column("Good, fair, poor", "shares"),
            Column("Samples", "count"),
        ),
        empty="Send web_vital with metric (LCP, INP, CLS, FCP, TTFB) and value.",
        is_ranked=False,
        is_wide=True,
    ),
    Panel(
        name="forms",
        title="Forms",
        columns=_counted("Form", "Submitted", Column("Succeeded", "count"), Column("Rate", "percent")),
        empty="Send form_submit with event_data.form and success.",
    ),
    Panel(
        name="devices",
        title="Devices",
        columns=_counted("Device", "Events"),
        empty="No events yet.",
        dimension="devices",
        expression="device",
        filter="device",
    ),
    Panel(
        name="browsers",
        title="Browsers",
        columns=_counted("Browser", "Events"),
        empty="No events yet.",
        dimension="browsers",
        expression="case when bot is null then browser end",
    ),
    Panel(
        name="programs",
        title="Programs",
        columns=_counted("Program", "Events"),
        empty="No events yet.",
        dimension="programs",
        expression="case when bot is not null then browser end",
    ),
    Panel(
        name="systems",
        title="Operating systems",
        columns=_counted("System", "Events"),
        empty="No events yet.",
        dimension="systems",
        expression="system",
    ),
    Panel(
        name="releases",
        title="Releases",
        columns=_counted("Release", "Events"),
        empty="Send context.release.",
        dimension="releases",
        expression="release",
        filter="release",
    ),
    Panel(
        name="custom_events",
        title="Custom events",
        columns=_counted("Event", "Events"),
        empty="Add your event types to the catalogue and send them.",
        dimension="events",
        expression="event_type",
        shows=_is_custom,
        filter="type",
    ),
)
# Behind those of both pages.
HISTORY_ONLY = (
    Panel(
        name="sites",
        title="Sites",
        columns=_counted("Site", "Events"),
        empty="No events yet.",
        expression="site",
        filter="site",
    ),
    Panel(
        name="hostnames",
        title="Hostnames",
        columns=_counted("Hostname", "Events"),
        empty="No events yet.",
        expression="hostname",
        filter="hostname",
    ),
    Panel(
        name="languages",
        title="Languages",
        columns=_counted("Language", "Events"),
        empty="No events yet.",
        expression="language",
        filter="language",
    ),
    Panel(
        name="screens",
        title="Screens",
        columns=_counted("Width", "Events"),
        empty="Send context.screen_width.",
        expression="screen",
        filter="screen",
    ),
)
# In front of those of both pages.
LIVE_FIRST = (
    Panel(
        name="features",
        title="Features",
        columns=(
            Column("Feature", "text"),
            Column("Event", "text"),
            Column("Property", "text"),
            Column("Events", "count"),
        ),
        empty="Send feature_used.",
        is_wide=True,
    ),
)
# Behind the feed of the live page.
LIVE_ONLY = (
    Panel(
        name="rejected_events",
        title="Latest rejected events",
        columns=(
            Column("Time", "time"),
            Column("Type", "text"),
            Column("Where", "text"),
            Column("Expected", "text"),
            Column("Reason", "reason"),
        ),
        empty="Nothing was rejected in the last hour.",
        is_ranked=False,
        is_wide=True,
    ),
    Panel(
        name="rejected_reasons",
        title="Rejected events by reason",
        columns=_counted("Reason", "Events"),
        empty="Nothing was rejected in the last hour.",
    ),
    Panel(
        name="consumers",
        title="Consumers of the topic events",
        columns=_counted("Consumer", "Lag", Column("Oldest pending", "duration"), Column("Trend", "text")),
        empty="Kafka has not reported a lag yet.",
        is_ranked=False,
        is_wide=True,
    ),
)
HISTORY: Mapping[str, Panel] = MappingProxyType({panel.name: panel for panel in (*PANELS, *HISTORY_ONLY)})
LIVE: Mapping[str, Panel] = MappingProxyType({panel.name: panel for panel in (*LIVE_FIRST, *PANELS, *LIVE_ONLY)})


def percent(part: int, whole: int) -> float:
    """A share in per cent, rounded to a tenth."""
    return round(100 * part / whole, 1) if whole else 0.0
