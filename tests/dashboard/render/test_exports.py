"""Panels as CSV: text that a spreadsheet would run as a formula is escaped."""

import csv
import io

import pytest

from dashboard.render.exports import as_csv
from dashboard.render.panels import HISTORY


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    text = as_csv(HISTORY["pages"], {name: [-5]})
    header, row = csv.reader(io.StringIO(text, newline=""))
    assert header == ["Page", "Views"]
    assert row == ["'" + name, "-5"]


def test_a_panel_with_cells_of_all_kinds_is_written_whole() -> None:
    rows = {"LCP": ["LCP · Largest content shown", "1.20 s", "good", [80.0, 15.0, 5.0], 9]}
    text = as_csv(HISTORY["web_vitals"], rows)
    assert text.splitlines()[1] == "LCP · Largest content shown,1.20 s,good,80.0 15.0 5.0,9"
