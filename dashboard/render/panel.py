"""What a panel is: a table with a title, columns and rows, and where its rows come from. No I/O."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from dashboard.render.times import iso

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
    # The filter of the history page (filters.py) that a click on the cell sets: to the cell, or, for the kinds
    # `key` and `named`, to the row's name.
    filter: str = ""
    # Its name in JSON and CSV, if that does not follow from the title.
    own_key: str = ""

    @property
    def key(self) -> str:
        """Its name in JSON."""
        return self.own_key or self.title.lower().replace(" ", "_")

    def value(self, cell: Cell) -> Cell:
        """A cell for programs: a time in ISO 8601, all else as it is."""
        return iso(int(cell)) if self.kind == "time" and isinstance(cell, int | float) and cell else cell


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
    # The columns of the history page, if it has others.
    history_columns: tuple[Column, ...] = ()
    # Over the view `visits`: the history counts visits and people by it, unless a filter is set that visits do not
    # know. Without an `expression` there is no such panel then.
    visit_expression: str = ""
    # Rows are ranked by their first count; else they stay in the order they come in.
    is_ranked: bool = True
    # Two of the grid's three columns wide.
    is_wide: bool = False
    # The live page says how many people are here, by the names of the panel.
    has_people: bool = False

    @property
    def has_share(self) -> bool:
        """Whether the count of a name is followed by its share of all."""
        return any(column.kind == "percent" for column in self.columns)

    @property
    def counted(self) -> int | None:
        """The place, among a row's cells, of the number that a comparison compares."""
        kinds = [column.kind for column in self.columns if column.kind != "key"]
        return next((place for place, kind in enumerate(kinds) if kind in ("count", "vital")), None)

    @property
    def filter(self) -> str:
        """The filter that a row's name sets."""
        return next((column.filter for column in self.columns if column.filter), "")

    def as_json(self, rows: Rows) -> list[dict[str, Any]]:
        """The rows for programs: cells by the names of their columns, times in ISO 8601."""
        return [self._row(name, iter(cells)) for name, cells in rows.items()]

    def _row(self, name: str, cells: Iterator[Cell]) -> dict[str, Any]:
        row: dict[str, Any] = {"name": name} if any(column.kind == "named" for column in self.columns) else {}
        for column in self.columns:
            row[column.key] = column.value(name if column.kind == "key" else next(cells))
        return row


def of_visits(panel: Panel) -> Panel:
    """The panel with the columns of visits."""
    return replace(panel, columns=(panel.columns[0], Column("Visits", "count"), Column("People", "count")))


def percent(part: int, whole: int) -> float:
    """A share in per cent, rounded to a tenth: a half up, as SQL does it."""
    return (2000 * part + whole) // (2 * whole) / 10 if whole else 0.0
