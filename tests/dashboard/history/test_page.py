"""The history page, with a service that answers without Postgres."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport

from dashboard.filters import FILTERS
from dashboard.history import result
from dashboard.history.query import Query
from dashboard.history.report import NOBODY, Report
from dashboard.history.result import RANKINGS, ReadFrom, Result
from dashboard.history.routes import add_history_routes
from dashboard.history.service import HistoryService
from dashboard.history.visits import Visits
from dashboard.render.pages import Pages
from dashboard.render.panels import HISTORY
from dashboard.sql import Database
from tests.support.database import at


class OneNameEach(HistoryService):
    """Finds one name per ranking, counted three times now and twice before."""

    async def run(self, query: Query, report: Report = NOBODY) -> Result:
        found = [(number, f"one of {number}", 3, 2, 4) for number in range(len(RANKINGS))]
        rows = {panel.name: {} for panel in HISTORY.values()} | result.rankings(query, found)
        rows["features"] = result.features(query, [("feature_used", "feature", "export_data", 3, 2, 2)])
        rows["errors"] = result.errors(query, [("TypeError: x", 2, 3, 1, 1_000, 61_000, 2)])
        rows["web_vitals"] = result.web_vital_rows(
            query, [("LCP", 2500.0, 3, 2, 1, 2000.0), ("CLS", 0.1, 3, 3, 0, None)]
        )
        steps = result.steps(query, [(0, "page_view", 3)])
        read = ReadFrom(12, 3456, datetime(2026, 1, 1, 15, 4, 5, tzinfo=UTC))
        found = Result(
            query, result.totals(query, [3, 2, 3, 2, 3, 2, 17]), steps, [], rows, left_out=17, read=read
        )
        visits = [
            (panel.name, f"visit of {panel.name}", 3, 2, 2)
            for panel in result.panels_of(query).values()
            if panel.visit_expression
        ]
        totals = [
            (True, None, 3, 4, 9, 4, 2, 80.0, 1), (False, None, 2, 2, 6, 2, 2, 75.0, 1),
            (True, 0, 3, 4, 9, 4, 2, 80.0, 1), (False, 1, 2, 2, 6, 2, 2, 75.0, 1),
        ]  # fmt: skip
        return Visits(totals, visits).added_to(found) if query.is_of_visits else found


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    add_history_routes(app, OneNameEach(Database(at("host=nowhere"))), Pages(), 90)
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as made:
        yield made


async def test_every_panel_is_on_the_page_with_the_names_of_its_expression(client: httpx.AsyncClient) -> None:
    by_route, by_path = [
        (await client.get("/history", params={"compare": "1", "pages": pages})).text for pages in ("", "paths")
    ]
    # A single site or host says nothing; pages are shown by route or by path.
    shown = [name for name in HISTORY if name not in ("sites", "hostnames")]
    panels = re.compile(r'data-panel="(\w+)"')
    assert panels.findall(by_route) == [name for name in shown if not name.endswith("pages")]
    assert panels.findall(by_path) == [name for name in shown if not name.endswith("routes")]
    for name in shown:
        page = by_path if name.endswith("pages") else by_route
        (table,) = re.findall(rf'<table data-panel="{name}".*?</table>', page, re.DOTALL)
        assert "Before" in table
        if HISTORY[name].visit_expression:
            assert f"visit of {name}" in table
        elif expression := HISTORY[name].expression:
            assert f"one of {RANKINGS.index(expression)}" in table
            assert "2 <small>▲ 50 %</small>" in table
    assert "2.50 s" in by_route
    assert "▲ 50 % against 2 before" in by_route


async def test_the_top_row_speaks_of_people_and_visits_and_says_what_each_number_means(
    client: httpx.AsyncClient,
) -> None:
    params = {"compare": "1", "goal": "type:sign_up"}
    totals = (await client.get("/dashboard/history.json", params=params)).json()["totals"]
    assert totals == {
        "people": {"current": 3, "previous": 2},
        "visits": {"current": 4, "previous": 2},
        "views": {"current": 9, "previous": 6},
        "views_per_visit": {"current": 2.25, "previous": 3.0},
        "bounce_rate": {"current": 50.0, "previous": 100.0},
        "median_duration": {"current": 80.0, "previous": 75.0},
        "conversion": {"current": 25.0, "previous": 50.0},
        "events": {"current": 3, "previous": 2},
    }
    page = (await client.get("/history", params=params)).text
    assert "▼ 50.0 points against 100.0 % before" in page
    assert "<b>1 min 20 s</b>" in page
    for key in totals:
        assert f'<a href="#means-{key}">' in page
        assert f'<dt id="means-{key}">' in page
    assert "conversion" not in (await client.get("/dashboard/history.json")).json()["totals"]


async def test_the_chart_shows_the_measure_of_the_address_with_its_unit(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history", params={"measure": "bounce_rate", "compare": "1", "page": "/"})).text
    assert '<h2 id="chart-title">Bounce rate by hour</h2>' in page
    assert '<span class="top-line">100 %</span>' in page
    assert '<a href="/history?compare=1&amp;page=%2F&amp;measure=bounce_rate" aria-current=true>' in page
    (chart,) = re.findall(r'<figure class="chart".*?</figure>', page, re.DOTALL)
    assert re.findall(r"<th scope=\"col\">(.*?)</th>", chart) == ["Hour", "Bounce rate", "Before"]
    assert "<td>50.0 %</td><td>–</td>" in chart
    assert "Conversion</a>" not in page, "there is no goal"
    for value, title in (("page_view", "Events per hour, only page_view"), ("!page_view", "Events per hour")):
        assert f">{title}</h2>" in (await client.get("/history", params={"type": value})).text
    of_events = (await client.get("/history", params={"measure": "visits", "button": "buy"})).text
    assert "the chart shows events" in of_events


async def test_what_is_compared_with_has_its_name(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history", params={"compare": "segment", "against": "page=!/a&country=DE"})).text
    assert "the segment in which <b>Country is DE</b> and <b>Page is not /a</b>" in page
    assert "in the other segment" in page
    assert '<a href="/history">Compare with nothing</a>' in page
    assert "a year before" not in page, "90 days are retained"


async def test_with_a_filter_that_visits_do_not_know_the_numbers_are_of_events_and_the_page_says_so(
    client: httpx.AsyncClient,
) -> None:
    params = {"prop": "feature_used.feature:export_data"}
    shown = (await client.get("/dashboard/history.json", params=params)).json()
    assert list(shown["totals"]) == ["people", "views", "events"]
    assert "entry_pages" not in shown["panels"]
    assert list(shown["panels"]["sources"][0]) == ["source", "views"]
    assert "Visits have no prop" in (await client.get("/history", params=params)).text
    by_page = (await client.get("/dashboard/history.json", params={"page": "/"})).json()
    assert list(by_page["panels"]["sources"][0]) == ["source", "visits", "people"]


async def test_which_feature_is_used_is_on_the_page_and_in_json_and_csv(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history")).text
    (table,) = re.findall(r'<table data-panel="features".*?</table>', page, re.DOTALL)
    assert '<a href="/history?prop=feature_used.feature%3Aexport_data">export_data</a>' in table
    (feature,) = (await client.get("/dashboard/history.json")).json()["panels"]["features"]
    assert (feature["value"], feature["events"], feature["people"]) == ("export_data", 3, 2)
    csv_file = (await client.get("/dashboard/history/features.csv")).text
    assert csv_file.splitlines() == [
        "Feature,Event,Property,Events,People",
        "export_data,feature_used,feature,3,2",
    ]


async def test_times_in_json_and_csv_are_iso(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/dashboard/history.json")).json()
    assert shown["panels"]["errors"] == [
        {"error": "TypeError: x", "people": 2, "count": 3, "pages": 1,
         "first": "1970-01-01T00:00:01Z", "last": "1970-01-01T00:01:01Z"},
    ]  # fmt: skip
    assert (await client.get("/dashboard/history/errors.csv")).text.endswith(
        "TypeError: x,2,3,1,1970-01-01T00:00:01Z,1970-01-01T00:01:01Z\r\n"
    )
    assert "previous" not in str(shown), "nothing was compared"


async def test_programs_that_are_left_out_are_counted_and_can_be_added(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history", params={"page": "/"})).text
    assert "17 events of programs" in page
    assert '<a href="/history?page=%2F&amp;programs=1">Count them too</a>' in page


@pytest.mark.parametrize(("days", "ends"), [({}, "now"), ({"from": "2026-01-01", "to": "2026-01-02"}, "00:00")])
async def test_only_the_axis_of_a_period_up_to_now_ends_with_now(days: dict[str, str], ends: str) -> None:
    app = FastAPI()
    add_history_routes(app, OneNameEach(Database(at("host=nowhere"))), Pages(), 3650)
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        page = (await client.get("/history", params=days)).text
    (axis,) = re.findall(r'<div class="axis".*?</div>', page, re.DOTALL)
    assert re.findall(r"<span>([^<]*)</span>", axis)[-1].endswith(ends)


async def test_a_panel_alone_is_searched_and_leads_back(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history", params={"panel": "pages", "search": "<a", "range": "7d"})).text
    assert re.findall(r'data-panel="(\w+)"', page) == ["pages"]
    assert '<input type="search" name="search" value="&lt;a"' in page
    assert 'href="/history?range=7d">‹ All panels' in page


async def test_a_panel_with_many_names_has_pages(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.history.routes._ALL_ROWS", 1)

    async def shown(**params: str) -> tuple[int, str, list[str]]:
        page = (await client.get("/history", params={"panel": "web_vitals", **params})).text
        (links,) = re.findall(r'<nav class="ranges" aria-label="Rows">(.*?)</nav>', page, re.DOTALL)
        (place,) = re.findall("<span>(.*?)</span>", links)
        return page.count('scope="row"') + page.count("scope=row"), place, re.findall('href="(.*?)"', links)

    assert await shown() == (1, "1 to 1 of 2", ["/history?panel=web_vitals&amp;start=2"])
    assert await shown(start="2") == (1, "2 to 2 of 2", ["/history?panel=web_vitals"])
    assert (await shown(start="x"))[1] == (await shown(start="0"))[1] == "1 to 1 of 2"


@pytest.mark.parametrize(
    "panel", [panel.name for panel in HISTORY.values() if panel.expression or panel.visit_expression]
)
async def test_a_ranking_can_be_downloaded(client: httpx.AsyncClient, panel: str) -> None:
    answer = await client.get(f"/dashboard/history/{panel}.csv")
    _titles, row = csv.reader(io.StringIO(answer.text, newline=""))
    assert row[1] == "3"
    assert re.search(rf'filename="footfall-{panel}-\d+-\d+\.csv"', answer.headers["content-disposition"])


async def test_page_and_json_say_what_was_read_and_as_of_when(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history", params={"tz": "Asia/Tokyo"})).text
    assert "As of 00:04:05, from column files of 12 days and 3,456 newer rows." in page
    read = (await client.get("/dashboard/history.json")).json()["read"]
    assert read == {"columns": 12, "rows": 3456, "as_of": "2026-01-01T15:04:05+00:00"}


async def test_an_unknown_panel_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/dashboard/history/nothing.csv")
    assert answer.status_code == 404
    assert "pages" in answer.json()["message"]


async def test_filters_are_chips_that_can_be_turned_round_and_removed(client: httpx.AsyncClient) -> None:
    page = (
        await client.get("/history", params=[("type", "page_view"), ("page", "/a b"), ("page", "!<odd>")])
    ).text
    assert 'href="/history?page=%2Fa+b&amp;page=%21%3Codd%3E" aria-label="Remove the filter page_view"' in page
    assert 'href="/history?type=page_view&amp;page=%2Fa+b" aria-label="Remove the filter &lt;odd&gt;"' in page
    assert (
        'href="/history?type=page_view&amp;page=%21%2Fa+b&amp;page=%21%3Codd%3E" aria-label="All but /a b"' in page
    )
    assert "Page is not <b>&lt;odd&gt;</b>" in page
    assert '<a href="/history">remove all</a>' in page


async def test_the_form_adds_a_filter_to_the_address(client: httpx.AsyncClient) -> None:
    added = await client.get("/history?page=%2Fa&filter=page&is=not&value=%21b&tz=UTC", follow_redirects=False)
    assert (added.status_code, added.headers["location"]) == (303, r"/history?page=%2Fa&tz=UTC&page=%21%5C%21b")
    nothing = await client.get("/history?filter=shoes&value=43", follow_redirects=False)
    assert nothing.headers["location"] == "/history?"


async def test_a_name_on_the_page_sets_its_filter(client: httpx.AsyncClient) -> None:
    for panel in HISTORY.values():
        assert panel.filter in FILTERS
        page = (await client.get("/history", params={"panel": panel.name})).text
        if panel.expression or panel.visit_expression:
            of_events = panel.expression and f"one+of+{RANKINGS.index(panel.expression)}"
            row = f"visit+of+{panel.name}" if panel.visit_expression else of_events
            assert f'<a href="/history?{panel.filter}={row}">' in page


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_that_postgres_refuses_is_named_in_a_400(client: httpx.AsyncClient, name: str) -> None:
    for path in ("/history", "/dashboard/history.json", "/dashboard/history/pages.csv"):
        answer = await client.get(path + f"?{name}=a%00b&compare=1")
        assert answer.status_code == 400
        assert f"The filter {name} contains a character that no event has" in answer.text
        assert "%00" not in answer.text
