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
from dashboard.history.result import RANKINGS, ReadFrom, Result
from dashboard.history.routes import add_history_routes
from dashboard.history.service import HistoryService
from dashboard.render.pages import Pages
from dashboard.render.panels import HISTORY
from dashboard.sql import Database
from tests.support.database import at


class OneNameEach(HistoryService):
    """Finds one name per ranking, counted three times now and twice before."""

    async def run(self, query: Query) -> Result:
        found = [(number, f"one of {number}", 3, 2, 4) for number in range(len(RANKINGS))]
        rows = {panel.name: {} for panel in HISTORY.values()} | result.rankings(query, found)
        steps = result.steps(query, [(0, "page_view", 3)])
        read = ReadFrom(12, 3456, datetime(2026, 1, 1, 15, 4, 5, tzinfo=UTC))
        return Result(query, result.totals([3, 2, 1, 1, 1, 0]), steps, [], rows, read)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    add_history_routes(app, OneNameEach(Database(at("host=nowhere"))), Pages(), 90)
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as made:
        yield made


async def test_every_panel_is_on_the_page_with_the_names_of_its_expression(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history", params={"compare": "1"})).text
    assert re.findall(r'data-panel="(\w+)"', page) == list(HISTORY)
    for panel in HISTORY.values():
        (table,) = re.findall(rf'<table data-panel="{panel.name}".*?</table>', page, re.DOTALL)
        assert "Change" in table
        if panel.expression:
            assert f"one of {RANKINGS.index(panel.expression)}" in table
            assert "▲ 50 %" in table


@pytest.mark.parametrize("panel", [panel.name for panel in HISTORY.values() if panel.expression])
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


async def test_a_filter_is_in_every_link_and_can_be_removed(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history", params={"type": "page_view", "page": "/a b"})).text
    assert 'href="/history?page=%2Fa+b" aria-label="Remove the filter page_view"' in page
    assert 'href="/history?type=page_view" aria-label="Remove the filter /a b"' in page


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_has_a_field_that_shows_its_value(client: httpx.AsyncClient, name: str) -> None:
    page = (await client.get("/history", params={name: "<odd>"})).text
    (field,) = re.findall(rf'<(?:select|input) name="{name}".*?</label>', page)
    assert field.count("&lt;odd&gt;") == 1
    assert '<a class="chip" href="/history" aria-label="Remove the filter &lt;odd&gt;">' in page
    assert ("<details open>" in page) is FILTERS[name].is_folded


async def test_a_name_on_the_page_sets_its_filter(client: httpx.AsyncClient) -> None:
    page = (await client.get("/history")).text
    for panel in HISTORY.values():
        if panel.filter:
            assert panel.filter in FILTERS
            row = f"one+of+{RANKINGS.index(panel.expression)}"
            assert f'<a href="/history?{panel.filter}={row}">' in page


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_that_postgres_refuses_is_named_in_a_400(client: httpx.AsyncClient, name: str) -> None:
    for path in ("/history", "/dashboard/history.json", "/dashboard/history/pages.csv"):
        answer = await client.get(path + f"?{name}=a%00b&compare=1")
        assert answer.status_code == 400
        assert f"The filter {name} contains a character that no event has" in answer.text
        assert "%00" not in answer.text
