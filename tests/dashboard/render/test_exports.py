"""Panels as CSV: text that a spreadsheet would run as a formula is escaped."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.render.exports import as_csv
from dashboard.render.panels import HISTORY


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@sum", "\t1", "\r1", "＝1", ' "=1'])
def test_no_cell_is_a_formula(name: str) -> None:
    text = as_csv(HISTORY["pages"], {name: [-5]})
    header, row = csv.reader(io.StringIO(text, newline=""))
    assert header == ["Page", "Views"]
    assert row == ["'" + name, "-5"]


@given(st.text("ab;\t\r\n,'\" =+-@1|", max_size=20), st.sampled_from(sorted(HISTORY)))
def test_no_cell_is_a_formula_however_a_spreadsheet_parts_lists(name: str, panel: str) -> None:
    texts = [name if column.kind != "number" else 1 for column in HISTORY[panel].columns]
    written = as_csv(HISTORY[panel], {name: texts[1:]})
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(written, newline=""), delimiter=separator):
            assert [cell for cell in row if cell.lstrip(" \"'")[:1] in set("=+-@") and cell[:1] != "'"] == []


def test_ordinary_text_is_written_as_it_is() -> None:
    names = ["/a;b", "Häuser; 3 - 5 Zimmer", "x=1", "a, +1", "mail@example.com"]
    rows = csv.reader(io.StringIO(as_csv(HISTORY["pages"], {name: [1] for name in names}), newline=""))
    assert [row[0] for row in rows][1:] == names


def test_a_panel_with_cells_of_all_kinds_is_written_whole() -> None:
    rows = {"LCP": ["LCP · Largest content shown", 1200, "good", [80.0, 15.0, 5.0], 9]}
    text = as_csv(HISTORY["web_vitals"], rows)
    assert text.splitlines()[1] == "LCP · Largest content shown,1200,good,80.0 15.0 5.0,9"
