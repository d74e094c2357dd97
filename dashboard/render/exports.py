"""Panels as CSV."""

import csv
import io
from collections.abc import Mapping

from fastapi.responses import JSONResponse, Response

from dashboard.render.panels import Cell, Panel, Rows

# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(panel: Panel, rows: Rows, file_name: str = "") -> Response:
    """The rows of a panel as a file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.title or column.kind for column in panel.columns])
    for name, cells in rows.items():
        left = iter(cells)
        writer.writerow([_cell(name if column.kind == "key" else next(left, "")) for column in panel.columns])
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="footfall-{file_name or panel.name}.csv"',
    }
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def no_such_panel(name: str, panels: Mapping[str, Panel]) -> Response:
    """What is said for another name."""
    return JSONResponse({"message": f'There is no panel "{name[:50]}"; there are {", ".join(panels)}.'}, 404)


def _cell(value: Cell) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    text = "" if value is None else str(value)
    return "'" + text if isinstance(value, str) and text.startswith(_FORMULA) else text
