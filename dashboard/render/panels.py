"""The panels of both pages: what each counts, its columns and its place. A new panel is one entry here.

A panel that ranks names by count needs nothing else: on the live page its rows are the most frequent names of a
`dimension` of `live-aggregates`, on the history page those of an `expression` over the events. The few panels
without either get their rows from a function each in live/panel_rows.py, live/snapshot.py and history/result.py.
Templates and scripts loop over the panels and know only the kinds of columns.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from avro_schemas.live_aggregates import of_programs
from avro_schemas.schema import typed_events
from dashboard.filters import FILTERS, PROPERTY
from dashboard.render.panel import Column, Panel


def _counted(key: str, count: str, filter_name: str, *more: Column) -> tuple[Column, ...]:
    return (Column(key, "key", filter_name), Column(count, "count"), *more)


def _is_custom(event_type: str) -> bool:
    return event_type not in typed_events()


def _of_views(name: str) -> str:
    return f"case when event_type = 'page_view' then {FILTERS[name].expression} end"


# On both pages, in this order.
PANELS = (
    Panel(
        name="pages",
        has_people=True,
        title="Pages",
        columns=_counted("Page", "Views", "page"),
        empty="Send page_view with event_data.page.",
        dimension="pages",
        expression="case when event_type = 'page_view' then event_data ->> 'page' end",
    ),
    Panel(
        name="sources",
        has_people=True,
        title="Sources",
        columns=_counted("Source", "Views", "source"),
        empty="Send page_view with event_data.referrer.",
        dimension="sources",
        expression=_of_views("source"),
        visit_expression=FILTERS["source"].expression,
    ),
    Panel(
        name="channels",
        has_people=True,
        title="Channels",
        columns=_counted("Channel", "Views", "channel"),
        empty="Send page_view with event_data.referrer.",
        dimension="channels",
        expression=_of_views("channel"),
        visit_expression="channel",
    ),
    Panel(
        name="campaigns",
        has_people=True,
        title="Campaigns",
        columns=_counted("Campaign", "Views", "campaign"),
        empty="Add utm_campaign to links.",
        dimension="campaigns",
        expression=_of_views("campaign"),
        visit_expression="utm_campaign",
    ),
    Panel(
        name="countries",
        has_people=True,
        title="Countries",
        columns=_counted("Country", "Views", "country"),
        empty="The collector needs FOOTFALL_IP_DATABASE.",
        dimension="countries",
        expression=_of_views("country"),
        visit_expression="country",
    ),
    Panel(
        name="event_types",
        title="Event types",
        columns=_counted("Type", "Events", "type", Column("Share", "percent")),
        empty="No events yet.",
        dimension="events",
        expression="event_type",
    ),
    Panel(
        name="errors",
        title="Errors",
        columns=(
            Column("Error", "text", "error"),
            Column("Page", "page", "page"),
            Column("Count", "count"),
            Column("First", "time"),
            Column("Last", "time"),
        ),
        history_columns=(
            Column("Error", "key", "error"),
            Column("People", "count"),
            Column("Count", "count"),
            Column("Pages", "count"),
            Column("First", "time"),
            Column("Last", "time"),
        ),
        empty="No errors. They are sent as error_encountered.",
        is_wide=True,
    ),
    Panel(
        name="buttons",
        title="Buttons",
        columns=_counted("Button", "Clicks", "button"),
        empty="Send button_click with event_data.button.",
        dimension="buttons",
        expression=FILTERS["button"].expression,
    ),
    Panel(
        name="web_vitals",
        title="Page speed",
        columns=(
            Column("Metric", "named", "metric", own_key="title"),
            Column("p75", "vital"),
            Column("Rating", "rating"),
            Column("Good, fair, poor", "shares", own_key="good_fair_poor"),
            Column("Samples", "count"),
        ),
        empty="Send web_vital with metric (LCP, INP, CLS, FCP, TTFB) and value.",
        is_ranked=False,
        is_wide=True,
    ),
    Panel(
        name="forms",
        title="Forms",
        columns=_counted("Form", "Submitted", "form", Column("Succeeded", "count"), Column("Rate", "percent")),
        empty="Send form_submit with event_data.form and success.",
        is_wide=True,
    ),
    Panel(
        name="devices",
        title="Devices",
        columns=_counted("Device", "Events", "device"),
        empty="No events yet.",
        dimension="devices",
        expression="device",
        visit_expression="device",
    ),
    Panel(
        name="browsers",
        title="Browsers",
        columns=_counted("Browser", "Events", "browser"),
        empty="No events yet.",
        dimension="browsers",
        expression=FILTERS["browser"].expression,
    ),
    Panel(
        name="programs",
        title="Programs",
        columns=_counted("Program", "Events", "program"),
        empty="No crawlers, scripts or monitors.",
        dimension=of_programs("browsers"),
        expression=FILTERS["program"].expression,
    ),
    Panel(
        name="systems",
        title="Operating systems",
        columns=_counted("System", "Events", "system"),
        empty="No events yet.",
        dimension="systems",
        expression="system",
    ),
    Panel(
        name="releases",
        has_people=True,
        title="Releases",
        columns=_counted("Release", "Events", "release"),
        empty="Send context.release.",
        dimension="releases",
        expression="release",
    ),
    Panel(
        name="custom_events",
        title="Custom events",
        columns=_counted("Event", "Events", "type"),
        empty="Add your event types to the catalogue and send them.",
        dimension="events",
        expression="event_type",
        shows=_is_custom,
    ),
)
# A value of a property of an event type; the row's name is that of the filter.
_FEATURE = (
    Column("Feature", "named", PROPERTY, own_key="value"),
    Column("Event", "text", "type", own_key="event_type"),
    Column("Property", "text"),
)
# In front of those of both pages.
_HISTORY_FIRST = (
    Panel(
        name="features",
        title="Features",
        columns=(*_FEATURE, Column("Events", "count"), Column("People", "count")),
        empty="Send events of your own with properties, as feature_used with event_data.feature.",
        is_wide=True,
    ),
    Panel(
        name="routes",
        title="Pages",
        columns=_counted("Route", "Views", "route"),
        empty="Send page_view with event_data.page.",
        expression=_of_views("route"),
    ),
    Panel(
        name="entry_routes",
        title="Entry pages",
        columns=_counted("Route", "Visits", "route"),
        empty="No visits began with a view.",
        visit_expression="entry_route",
    ),
    Panel(
        name="entry_pages",
        title="Entry pages",
        columns=_counted("Page", "Visits", "page"),
        empty="No visits began with a view.",
        visit_expression="entry_page",
    ),
    Panel(
        name="exit_routes",
        title="Exit pages",
        columns=_counted("Route", "Visits", "route"),
        empty="No visits ended with a view.",
        visit_expression="exit_route",
    ),
    Panel(
        name="exit_pages",
        title="Exit pages",
        columns=_counted("Page", "Visits", "page"),
        empty="No visits ended with a view.",
        visit_expression="exit_page",
    ),
)
# Behind them.
_HISTORY_LAST = (
    Panel(
        name="sites",
        title="Sites",
        columns=_counted("Site", "Events", "site"),
        empty="No events yet.",
        expression="site",
    ),
    Panel(
        name="hostnames",
        title="Hostnames",
        columns=_counted("Hostname", "Events", "hostname"),
        empty="No events yet.",
        expression="hostname",
    ),
    Panel(
        name="languages",
        title="Languages",
        columns=_counted("Language", "Events", "language"),
        empty="No events yet.",
        expression="language",
    ),
    Panel(
        name="screens",
        title="Screens",
        columns=_counted("Width", "Events", "screen"),
        empty="Send context.screen_width.",
        expression="screen",
    ),
)
# In front of those of both pages, on the live page.
LIVE_FIRST = (
    Panel(
        name="features",
        title="Features",
        # People who had not used it before: see docs/definitions.md.
        columns=(*_FEATURE, Column("Events", "count"), Column("New people", "count")),
        empty="Send feature_used with event_data.feature.",
        is_wide=True,
    ),
)
# Of the page of the pipeline.
PIPELINE = (
    Panel(
        name="consumers",
        title="Consumers of the topic events",
        columns=(
            Column("Consumer", "key"),
            Column("Lag", "count"),
            Column("Oldest pending", "duration"),
            Column("Trend", "text"),
        ),
        empty="Kafka has not reported a lag yet.",
        is_ranked=False,
        is_wide=True,
    ),
    Panel(
        name="rejected_reasons",
        title="Rejected events by reason",
        columns=(Column("Reason", "key"), Column("Events", "count")),
        empty="Nothing was rejected in the last hour.",
    ),
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
)


def _on_live_page(panel: Panel) -> Panel:
    return replace(panel, columns=(*panel.columns, *_PEOPLE)) if panel.has_people else panel


# People in so many minutes.
_PEOPLE = (Column("5 min", "count", own_key="people_5"), Column("30 min", "count", own_key="people_30"))
LIVE_PAGE = tuple(map(_on_live_page, (*LIVE_FIRST, *PANELS)))


def _in_history(panel: Panel) -> Panel:
    return replace(panel, columns=panel.history_columns or panel.columns)


HISTORY: Mapping[str, Panel] = MappingProxyType(
    {panel.name: _in_history(panel) for panel in (*_HISTORY_FIRST, *PANELS, *_HISTORY_LAST)}
)
LIVE: Mapping[str, Panel] = MappingProxyType({panel.name: panel for panel in (*LIVE_PAGE, *PIPELINE)})
