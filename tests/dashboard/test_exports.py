"""Panels as files: what a spreadsheet would run is quoted."""

import csv
import io

import pytest

from dashboard.render.exports import as_csv
from dashboard.render.panels import LISTED


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    answer = as_csv(LISTED["pages"], {name: [-5]})
    header, row = csv.reader(io.StringIO(bytes(answer.body).decode(), newline=""))
    assert header == ["Page", "Views"]
    assert row == ["'" + name, "-5"]


def test_a_panel_with_cells_of_all_kinds_is_written_whole() -> None:
    rows = {"LCP": ["LCP · Largest content shown", "1.20 s", "good", [80.0, 15.0, 5.0], 9]}
    body = bytes(as_csv(LISTED["speed"], rows, "speed-20260101").body).decode()
    assert body.splitlines()[1] == "LCP · Largest content shown,1.20 s,good,80.0 15.0 5.0,9"
