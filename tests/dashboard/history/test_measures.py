"""Charts of measures, and comparisons with other queries."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dashboard.history.comparison import compared
from dashboard.history.measures import MEASURES
from dashboard.history.query import Query, parse_query
from dashboard.history.report import Report
from dashboard.history.result import Result, Total
from dashboard.history.service import HistoryService
from dashboard.render.charts import Chart, Step, round_up
from dashboard.sql import Database
from tests.support.database import at

NOW = datetime(2026, 3, 30, 12, 34, 56, tzinfo=UTC)
# Period, step, people, visits, views, visits with a view, bounces, median duration, conversions.
VISITS = [(True, 0, 3, 4, 9, 4, 2, 80.0, 1), (True, 23, 1, 1, 0, 0, 0, 0.0, 0), (False, 1, 2, 2, 6, 2, 2, 75.0, 1)]
VITALS = [(True, 2, 2500.0), (False, 3, 0.0)]


def query(**params: str) -> Query:
    return parse_query({"goal": "type:sign_up", **params}, NOW, 800)


def result(of: Query, **fields: object) -> Result:
    starts = [round(start.timestamp() * 1000) for start in of.starts]
    steps = [
        Step(start, {"page_view": 4, "error_encountered": 1} if not n else {}) for n, start in enumerate(starts)
    ]
    made = Result(of, [], steps, [], {}, visit_steps=VISITS, vital_steps=VITALS)
    return replace(made, **fields)  # type: ignore[arg-type] # of the tests


def shown(chart: Chart) -> dict[int, float]:
    return {place: step.own_value for place, step in enumerate(chart.steps) if step.own_value is not None}


@pytest.mark.parametrize(
    ("measure", "values"),
    [
        ("bounce_rate", {0: 50.0}),
        ("median_duration", {0: 80.0, 23: 0.0}),
        ("conversion", {0: 25.0, 23: 0.0}),
        ("errors", {0: 250.0}),
        ("p75_lcp", {2: 2500.0}),
    ],
)
def test_a_step_without_a_rate_has_no_value(measure: str, values: dict[int, float]) -> None:
    assert shown(result(query(measure=measure)).chart) == values


@pytest.mark.parametrize(("measure", "first", "last"), [("people", 3, 1), ("visits", 4, 1), ("views", 9, 0)])
def test_a_step_without_visits_counts_zero(measure: str, first: float, last: float) -> None:
    values = shown(result(query(measure=measure)).chart)
    assert (len(values), values[0], values[1], values[23]) == (24, first, 0, last)


def test_views_with_a_filter_that_visits_do_not_know_are_events() -> None:
    assert shown(result(query(measure="views", button="buy")).chart)[0] == 4


def test_the_previous_period_is_a_line_with_gaps_and_the_scale_includes_it() -> None:
    chart = result(query(measure="bounce_rate", compare="1")).chart
    assert (chart.previous[1], chart.previous[0]) == (100.0, None)
    assert chart.top == 100
    assert chart.previous_line == "M1 0.0H2"
    assert result(query(measure="p75_lcp", compare="1")).chart.previous_line == "M3 100.0H4"


def test_axis_and_table_say_the_unit() -> None:
    assert MEASURES["visits"].axis(1200) == "1,200 visits"
    assert MEASURES["bounce_rate"].axis(40.0) == "40 %"
    assert MEASURES["errors"].axis(0.3) == "0.3 errors per 1,000 views"
    assert MEASURES["median_duration"].axis(80) == "1 min 20 s"
    assert (MEASURES["p75_lcp"].axis(2500.0), MEASURES["p75_cls"].text(0.1)) == ("2.50 s", "0.10")
    assert (MEASURES["p75_cls"].text(None), MEASURES["people"].text(1200)) == ("–", "1,200")


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (0.07, 0.07 + 0.01), (0.25, 0.3), (1, 1), (7, 8), (10, 10), (11, 20), (999, 1000)]
)
def test_the_scale_ends_with_a_round_number(highest: float, top: float) -> None:
    assert round_up(highest) == top


@pytest.mark.parametrize("params", [{"compare": "year"}, {"compare": "segment", "against": "country=DE"}])
def test_numbers_of_another_query_become_those_before(params: dict[str, str]) -> None:
    both = query(measure="visits", **params)
    assert both.other is not None
    pages = {"/": [3], "/new": [1]}
    own = result(both.alone, totals=[Total("Visits", 5, None)], panels={"pages": pages, "web_vitals": {}})
    other = result(
        both.other,
        totals=[Total("Visits", 2, None)],
        panels={"pages": {"/": [2], "/old": [9]}, "web_vitals": {}},
        visit_steps=[(True, 0, 1, 2, 2, 2, 0, 5.0, 0)],
        vital_steps=[],
    )
    found = compared(both, own, other)
    assert [(total.current, total.previous) for total in found.totals] == [(5, 2)]
    assert found.panels["pages"] == {"/": [3, 2], "/new": [1, None]}
    assert found.previous_sums == [5] + [0] * 23
    assert (found.chart.steps[0].own_value, found.chart.previous[0]) == (4, 2)


class Answering(HistoryService):
    """Has one result for each query, and reports it before it is complete."""

    def __init__(self, *results: Result) -> None:
        super().__init__(Database(at("host=nowhere")))
        self._results = {each.query: each for each in results}

    async def _answered(self, query: Query, report: Report) -> Result:
        report.reading("Reading rows")
        report.found(self._results[query])
        return self._results[query]


class Heard:
    """What a reader hears of a query that runs."""

    is_patient = True

    def __init__(self) -> None:
        self.texts, self.parts = list[str](), list[Result]()

    def reading(self, text: str) -> None:
        self.texts.append(text)

    def found(self, result: Result) -> None:
        self.parts.append(result)


async def test_what_is_shown_before_the_rest_is_compared_too() -> None:
    both = query(compare="year")
    assert both.other is not None
    own = result(both.alone, totals=[Total("Visits", 5, None)], panels={"pages": {"/": [3]}})
    other = result(both.other, totals=[Total("Visits", 2, None)], panels={"pages": {"/": [2]}})
    heard = Heard()
    whole = await Answering(own, other).run(both, heard)
    assert [total.previous for total in whole.totals] == [2]
    assert heard.parts == [whole]
    assert heard.texts == ["Reading rows, to compare with", "Reading rows"]
