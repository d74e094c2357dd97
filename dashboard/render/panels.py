"""The panels: which there are, with their columns, shared by the live page, the history and the exports."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Cell = str | float | int | list[float] | None
# Cells by what names the row.
Rows = dict[str, list[Cell]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `kind` says how a cell is written: templates and script know the same kinds.

    `key` is what names the row; the other kinds take the row's cells in turn.
    """

    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A table of the page. `empty` says what to do when it has no rows.

    `filter` is the filter of the history that a row's name sets; `fixed` keeps the order the rows come in, else
    the first count ranks them.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    empty: str
    filter: str = ""
    fixed: bool = False

    @property
    def kinds(self) -> str:
        """The kinds of the columns, for the script."""
        return " ".join(column.kind for column in self.columns)


def _ranked(name: str, title: str, what: str, counted: str, empty: str, filter: str = "") -> Panel:
    return Panel(name, title, (Column(what, "key"), Column(counted, "count")), empty, filter)


_LISTED = (
    Panel(
        "types",
        "Event types",
        (Column("Type", "key"), Column("Events", "count"), Column("Share", "percent")),
        "No events yet.",
        filter="type",
    ),
    _ranked("pages", "Pages", "Page", "Views", "Send page_view with event_data.page.", "page"),
    _ranked("referrers", "Referrers", "From", "Views", "Send page_view with event_data.referrer."),
    _ranked("buttons", "Buttons", "Button", "Clicks", "Send button_click with event_data.button."),
    Panel(
        "forms",
        "Forms",
        (Column("Form", "key"), Column("Sent", "count"), Column("Taken", "count"), Column("Rate", "percent")),
        "Send form_submit with event_data.form and success.",
    ),
    Panel(
        "errors",
        "Errors",
        (
            Column("Error", "text"),
            Column("Page", "page"),
            Column("Count", "count"),
            Column("First", "moment"),
            Column("Last", "moment"),
        ),
        "No errors: nobody reported error_encountered.",
    ),
    Panel(
        "speed",
        "Page speed",
        (
            Column("Measure", "text"),
            Column("p75", "value"),
            Column("Rating", "rating"),
            Column("Good, fair, poor", "shares"),
            Column("Samples", "count"),
        ),
        "Send web_vital with metric (LCP, INP, CLS, FCP, TTFB) and value.",
        fixed=True,
    ),
    _ranked("devices", "Devices", "Device", "Events", "No events yet.", "device"),
    _ranked("browsers", "Browsers", "Browser", "Events", "No events yet."),
    _ranked("systems", "Systems", "System", "Events", "No events yet."),
    _ranked("customs", "Custom events", "Event", "Events", "Name yours in the catalogue, and post them.", "type"),
)
_ONLY_LIVE = (
    _ranked("reasons", "Rejected, by reason", "Reason", "Events", "Nothing was rejected."),
    Panel(
        "rejected",
        "Rejected, the last of them",
        (
            Column("Time", "moment"),
            Column("Type", "text"),
            Column("Where", "text"),
            Column("Expected", "text"),
            Column("Reason", "reason"),
        ),
        "Nothing was rejected in the last hour.",
        fixed=True,
    ),
    Panel(
        "readers",
        "Readers of the topic events",
        (
            Column("Reader", "key"),
            Column("Events behind", "count"),
            Column("Oldest waits", "span"),
            Column("", "text"),
        ),
        "Kafka has not been asked yet.",
        fixed=True,
    ),
)
LISTED: Mapping[str, Panel] = MappingProxyType({panel.name: panel for panel in _LISTED})
LIVE: Mapping[str, Panel] = MappingProxyType({panel.name: panel for panel in (*_LISTED, *_ONLY_LIVE)})
