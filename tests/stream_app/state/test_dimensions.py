"""Names say what counted events have in common; a value that is not a measurement has no name."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from avro_schemas.live_aggregates import MINUTE_MS, OTHER, split_web_vital_bin
from stream_app.state.dimensions import Dimension, Dimensions, binned, fingerprint, successful_form
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event


def test_the_same_error_has_one_fingerprint_whatever_its_numbers() -> None:
    first = fingerprint("TypeError", "row 17 of 400 is null", "https://example.org/static/app.js")
    assert first == fingerprint("TypeError", "row 3 of 9 is null", "https://example.org/other/app.js")
    assert first == "TypeError: row # of # is null (app.js)"
    assert fingerprint(None, "boom", None) == "Error: boom"


@pytest.mark.parametrize("value", [0.0, 1e-12, 0.07, 1.0, 99.0, 1234.5, 60_000.0, 1e9])
def test_a_measurement_is_named_by_a_value_within_two_per_cent(value: float) -> None:
    name = binned("LCP", value)
    assert name is not None
    metric, about = name.split()
    assert metric == "LCP"
    assert float(about) == pytest.approx(value, rel=0.021)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 1.01e12, 1.79e308])
def test_a_value_that_is_not_a_measurement_has_no_name(value: float) -> None:
    assert binned("LCP", value) is None


def test_the_metric_is_cut_off_and_the_value_stays() -> None:
    assert split_web_vital_bin(binned("😀" * 20, 1.0) or "") == ("😀" * 12, pytest.approx(1, rel=0.021))


def picky(page: str) -> str:
    if page == "/bad":
        raise OverflowError
    return page


def test_an_event_whose_naming_fails_counts_as_other_and_costs_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dimensions = Dimensions((Dimension("picky", "", ("event_data.page",), "page_view", picky),))
    state = PartitionState(dimensions, limit=100, min_total_events=20, grace_ms=600_000)
    pages = ["/", "/bad", "/", "/bad", "/c"]
    state.apply(
        Record(n, NOON, None, encoded(event("page_view", event_data={"page": page})))
        for n, page in enumerate(pages)
    )
    snapshot = state.snapshot()
    assert snapshot is not None
    counts = [p.counts for p in snapshot.partials if p.dimension == "picky" and p.window_ms == MINUTE_MS]
    assert counts == [{"/": 2, OTHER: 2, "/c": 1}]
    assert state.counts.naming_errors == {"picky": 2}
    assert "/bad" not in caplog.text


def test_only_a_successful_submission_counts_as_success() -> None:
    assert [successful_form("signup", success) for success in (True, False, None)] == ["signup", None, None]


def test_the_aggregate_that_the_docs_add_is_counted() -> None:
    page = Path(__file__).parents[3] / "docs" / "stream-app.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    names: dict[str, Any] = {}
    exec(example, names)
    pages = ["/shop/shoes", "/shop", "/"]
    log = [Record(n, NOON, None, encoded(event("page_view", event_data={"page": p}))) for n, p in enumerate(pages)]
    state = PartitionState(names["with_sections"], limit=100, min_total_events=20, grace_ms=600_000)
    state.apply(log)
    snapshot = state.snapshot()
    assert snapshot is not None
    counts = [p.counts for p in snapshot.partials if p.dimension == "sections" and p.window_ms == MINUTE_MS]
    assert counts == [{"/shop": 2, "/": 1}]


def test_without_chosen_dimensions_the_others_are_counted() -> None:
    state = PartitionState(Dimensions(()), limit=100, min_total_events=20, grace_ms=600_000)
    state.apply([Record(0, NOON, None, encoded(event("page_view"))), Record(1, NOON, None, b"rubbish")])
    snapshot = state.snapshot()
    assert snapshot is not None
    assert {p.dimension: p.counts for p in snapshot.partials if p.window_ms == MINUTE_MS and not p.sketch} == {
        "events": {"page_view": 1},
        "rejected": {"prefix_missing": 1},
    }
