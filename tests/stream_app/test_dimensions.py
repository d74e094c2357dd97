"""Names say what counts have in common, and nothing that is not a measure is measured."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stream_app.state.dimensions import fingerprint, measured, successful


def test_the_same_error_has_one_fingerprint_whatever_its_numbers() -> None:
    first = fingerprint("TypeError", "row 17 of 400 is null", "https://example.org/static/app.js")
    assert first == fingerprint("TypeError", "row 3 of 9 is null", "https://example.org/other/app.js")
    assert first == "TypeError: row # of # is null (app.js)"
    assert fingerprint(None, "boom", None) == "Error: boom"


@pytest.mark.parametrize("value", [0.0, 1e-12, 0.07, 1.0, 99.0, 1234.5, 60_000.0, 1e9])
def test_a_measure_is_named_by_a_value_within_two_per_cent(value: float) -> None:
    name = measured("LCP", value)
    assert name is not None
    metric, about = name.split()
    assert metric == "LCP"
    assert float(about) == pytest.approx(value, rel=0.021)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_what_is_no_measure_has_no_name(value: float) -> None:
    assert measured("LCP", value) is None


def test_a_form_that_was_not_taken_is_no_success() -> None:
    assert [successful("signup", success) for success in (True, False, None)] == ["signup", None, None]


ADDED = """
from stream_app.state import dimensions
exec(EXAMPLE, vars(dimensions))
dimensions.ALL += dimensions.OWN[-1:]
dimensions.COLUMNS = dimensions.Columns(dimensions.COMMON_COLUMNS, dimensions.own_columns())

from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event

pages = ["/shop/shoes", "/shop", "/"]
log = [Record(n, NOON, None, encoded(event("page_view", event_data={"page": p}))) for n, p in enumerate(pages)]
state = PartitionState(limit=100, tell_from=20, grace_ms=600_000)
state.apply(log)
print([p.counts for p in state.snapshot().partials if p.dimension == "sections" and p.window_ms == 60_000])
"""


def test_the_aggregate_that_the_docs_add_is_counted() -> None:
    """In a process of its own, as the aggregates are read when it starts."""
    page = Path(__file__).parents[2] / "docs" / "stream-app.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    program = ADDED.replace("EXAMPLE", repr(example))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "[{'/shop': 2, '/': 1}]", ran.stderr
