"""A panel as CSV. No I/O."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from dashboard.render.panel import Cell, Panel, Rows

# A spreadsheet runs a cell that begins with one of these as a formula. In many countries lists are parted by
# semicolons, so a cell may also begin inside our text: behind a semicolon, a tab or the end of a line.
_FORMULA = re.compile(r"""(^|[;\t\r\n])(?=[ "']*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])""")


def as_csv(panel: Panel, rows: Rows) -> str:
    """The panel's rows under its column titles, times in ISO 8601.

    Text that would run as a formula gets an apostrophe in front.
    """
    return csv_of([column.title for column in panel.columns], _cells(panel, rows))


def csv_of(titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Rows of cells under titles."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(titles)
    writer.writerows([_text(cell) for cell in cells] for cells in rows)
    return out.getvalue()


def _cells(panel: Panel, rows: Rows) -> Iterator[list[Cell]]:
    for name, cells in rows.items():
        remaining = iter(cells)
        cells_of_row = [name if column.kind == "key" else next(remaining, "") for column in panel.columns]
        yield [column.value(cell) for column, cell in zip(panel.columns, cells_of_row, strict=True)]


def _text(cell: Cell) -> str:
    if isinstance(cell, list):
        return " ".join(map(str, cell))
    if isinstance(cell, str):
        return _FORMULA.sub(r"\1'", cell)
    return "" if cell is None else str(cell)
