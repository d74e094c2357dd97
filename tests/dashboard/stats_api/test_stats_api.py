"""The Stats API, with a history that answers without Postgres: the same numbers as the page, faults by name."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport

from dashboard.filters import FILTERS
from dashboard.history.query import MAX_VALUES, Query
from dashboard.history.report import NOBODY, Report
from dashboard.history.result import Result
from dashboard.render.panels import HISTORY
from dashboard.sql import Database
from dashboard.stats_api import metrics
from dashboard.stats_api.dimensions import DIMENSIONS, OF_VISITS_ALONE
from dashboard.stats_api.request import MAX_RANKED, parse
from dashboard.stats_api.routes import PATH, add_stats_api_routes
from dashboard.stats_api.table import Answered, is_cut, table_of
from tests.dashboard.history.test_page import OneNameEach
from tests.dashboard.stats_api.asking import NOW, answer
from tests.support.database import at


async def test_the_totals_are_those_of_the_page(client: httpx.AsyncClient) -> None:
    names = list(metrics.TOTALS)
    query = "range=7d&goal=type:sign_up&compare={}"
    got = await answer(client, f"totals?{query.format('previous')}&metrics={','.join(names)}")
    (row,) = got["rows"]
    page = (await client.get(f"/dashboard/history.json?{query.format('1')}")).json()["totals"]
    assert page.keys() == set(names)
    for name, total in page.items():
        assert (row[name], row[f"previous_{name}"]) == (total["current"], total["previous"]), name
    assert [column["name"] for column in got["columns"]] == list(row)
    assert (got["next_offset"], got["total_rows"], got["is_cut"]) == (None, 1, False)


async def test_times_have_the_offset_of_the_zone_and_an_answer_says_what_it_leaves_out(
    client: httpx.AsyncClient,
) -> None:
    got = await answer(client, "series?from=2026-10-24&to=2026-10-26&tz=Europe/Berlin&step=day&compare=previous")
    assert (got["since"], got["until"]) == ("2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00")
    assert [row["start"][-6:] for row in got["rows"]] == ["+02:00", "+02:00", "+01:00"]
    assert got["rows"][0]["previous_start"] == "2026-10-21T00:00:00+02:00"
    assert (got["program_events_left_out"], got["programs"]) == (17, False)
    assert datetime.fromisoformat(got["as_of"]) == NOW - timedelta(seconds=60)


async def test_a_series_has_every_metric_by_step(client: httpx.AsyncClient) -> None:
    names = ",".join(metrics.SERIES)
    got = await answer(client, f"series?range=24h&goal=page:/thanks&metrics={names}")
    first, second, *_ = got["rows"]
    assert (first["people"], first["visits"], first["views"], first["views_per_visit"]) == (3, 4, 9, 2.25)
    assert (first["bounce_rate"], first["conversion"], first["events"]) == (50.0, 25.0, 3)
    assert (second["visits"], second["bounce_rate"]) == (0, None)
    assert len(got["rows"]) == 24
    assert {"percent", "seconds", "milliseconds"} <= {column["unit"] for column in got["columns"]}


async def test_every_dimension_is_a_panel_and_a_filter_and_has_the_rows_of_the_page(
    client: httpx.AsyncClient,
) -> None:
    assert set(DIMENSIONS.values()) == HISTORY.keys() - {"custom_events"}
    assert set(DIMENSIONS) - OF_VISITS_ALONE == FILTERS.keys()
    panels = (await client.get("/dashboard/history.json?range=7d&compare=1")).json()["panels"]
    for by, panel in DIMENSIONS.items():
        got = await answer(client, f"breakdown?range=7d&compare=previous&by={by}")
        names = [column["name"] for column in got["columns"]]
        assert all(list(row) == names for row in got["rows"]), by
        of_page = panels[panel]
        assert [row[names[-1]] for row in got["rows"]] == [row["previous"] for row in of_page], by
        assert of_page or by == "form", by


# A client relies on these names: titles of columns on the page may change, and these may not.
COLUMNS = {
    "type": "name events share",
    "page": "name views",
    "source": "name visits people",
    "entry_page": "name visits people",
    "device": "name visits people",
    "browser": "name events",
    "release": "name events",
    "button": "name clicks",
    "form": "name submitted succeeded rate",
    "error": "name people count pages first last",
    "metric": "name title p75 rating good fair poor samples",
    "prop": "name value event_type property events people",
    "feature_used.feature": "name events people",
}


@pytest.mark.parametrize(("by", "names"), COLUMNS.items(), ids=COLUMNS)
async def test_columns_have_the_names_that_clients_rely_on(client: httpx.AsyncClient, by: str, names: str) -> None:
    got = await answer(client, f"breakdown?by={by}")
    assert " ".join(column["name"] for column in got["columns"]) == names


async def test_a_property_is_a_dimension(client: httpx.AsyncClient) -> None:
    got = await answer(client, "breakdown?by=feature_used.feature&compare=previous")
    assert got["rows"] == [{"name": "export_data", "events": 3, "people": 2, "previous_events": 2}]
    assert (await answer(client, "breakdown?by=feature_used.other"))["rows"] == []


async def test_pages_of_rows_follow_each_other(client: httpx.AsyncClient) -> None:
    whole = await answer(client, "breakdown?by=metric")
    assert len(whole["rows"]) == 2
    first = await answer(client, "breakdown?by=metric&limit=1")
    second = await answer(client, f"breakdown?by=metric&limit=1&offset={first['next_offset']}")
    assert first["rows"] + second["rows"] == whole["rows"]
    assert (second["next_offset"], first["total_rows"]) == (None, 2)


async def test_a_breakdown_asks_for_all_names_and_says_if_there_are_more(client: httpx.AsyncClient) -> None:
    asked = parse("breakdown", [("by", "page"), ("compare", "year")], NOW, 800).query
    assert asked.other
    assert (asked.max_rows, asked.other.max_rows, asked.max_values) == (MAX_RANKED, MAX_RANKED, MAX_VALUES)
    names = {f"/{n}": [1, 1] for n in range(MAX_RANKED)}
    few = {"/": [1, 1]}
    for by, rows, expected in (
        ("page", names, True),
        ("page", few, False),
        ("prop", {f"a.b:{n}": [str(n), "a", "b", 1, 1] for n in range(MAX_VALUES)}, True),
        ("prop", {f"a.b{n}:{n}": [str(n), "a", f"b{n}", 1, 1] for n in range(MAX_VALUES)}, False),
        ("a.b", {f"a.b:{n}": [str(n), "a", "b", 1, 1] for n in range(MAX_VALUES)}, False),
    ):
        request = parse("breakdown", [("by", by)], NOW, 90)
        found = Result(request.query, [], [], [], {"pages" if by == "page" else "features": rows})
        assert is_cut(request, found) is expected, by


def test_values_of_a_property_are_found_whatever_other_properties_have() -> None:
    request = parse("breakdown", [("by", "feature_used.feature"), ("search", "EXP")], NOW, 90)
    query = request.query
    assert (query.max_rows, query.max_values, query.search) == (MAX_RANKED, MAX_RANKED, "feature_used feature ")
    rows = {
        "feature_used.feature:export": ["export", "feature_used", "feature", 3, 2],
        "feature_used.feature:import": ["import", "feature_used", "feature", 3, 2],
        "other.x:feature_used feature export": ["feature_used feature export", "other", "x", 3, 2],
    }
    table = table_of("breakdown", request, Answered(Result(query, [], [], [], {"features": rows})))
    assert table.rows == [{"name": "export", "events": 3, "people": 2}]


async def test_an_answer_that_has_not_changed_is_not_sent_again(client: httpx.AsyncClient) -> None:
    paths = [
        "",
        "/totals",
        "/series?range=24h",
        "/breakdown?by=page",
        "/totals?format=csv",
        "/totals?format=parquet",
    ]
    tags = set[str]()
    for path in paths:
        first = await client.get(PATH + path)
        tags.add(tag := first.headers["etag"])
        for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
            again = await client.get(PATH + path, headers={"if-none-match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
            assert again.headers.get("footfall-as-of") == first.headers.get("footfall-as-of")
            assert again.headers["cache-control"] == first.headers["cache-control"] == "private, no-cache"
        assert (await client.get(PATH + path, headers={"if-none-match": 'W/"other"'})).status_code == 200
    assert len(tags) == len(paths), "each answer has a tag of its own"
    totals = await client.get(f"{PATH}/totals?tz=UTC")
    assert totals.headers["footfall-as-of"] == totals.json()["as_of"]


async def test_the_moment_alone_is_no_change_and_numbers_are() -> None:
    app, moment, service = FastAPI(), [NOW], OneNameEach(Database(at("host=nowhere")))
    add_stats_api_routes(app, service, 90, lambda: moment[0])
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        past = f"{PATH}/totals?from=2026-11-20&to=2026-11-21"
        tag = (await client.get(past)).headers["etag"]
        moment[0] += timedelta(minutes=5)
        again = await client.get(past, headers={"if-none-match": tag})
        assert again.status_code == 304
        assert datetime.fromisoformat(again.headers["footfall-as-of"]) == moment[0] - timedelta(seconds=60)
        assert (await client.get(f"{past}&country=DE", headers={"if-none-match": tag})).status_code == 200


FAULTS = {
    "totals?rang=7d": [("rang", "parameter_unknown", "range")],
    "totals?range=7d&range=30d": [("range", "parameter_repeated", None)],
    "totals?range=9y": [("range", "value_unknown", None)],
    "totals?tz=Europe/Berlim": [("tz", "value_unknown", None)],
    "totals?range=7d&from=2026-11-20": [("range", "not_together", None)],
    "totals?from=2026-13-01": [("from", "value_invalid", None)],
    "totals?from=2025-01-01": [("from", "value_invalid", None)],
    "totals?from=2026-12-24": [("from", "value_invalid", None)],
    "totals?to=2026-11-20": [("from", "parameter_missing", None)],
    "totals?from=2026-11-20&to=2026-11-19": [("to", "value_invalid", None)],
    "totals?metrics=visitors": [("metrics", "value_unknown", "visits")],
    "totals?metrics=conversion": [("metrics", "not_together", None)],
    "totals?metrics=visits&button=Buy": [("metrics", "not_together", None)],
    "totals?goal=sign_up": [("goal", "value_invalid", None)],
    "totals?device=phone&channel=serch": [
        ("device", "value_unknown", None),
        ("channel", "value_unknown", "search"),
    ],
    "totals?page=!": [("page", "value_invalid", None)],
    "totals?prop=x": [("prop", "value_invalid", None)],
    "totals?page=%00": [("page", "value_invalid", None)],
    "totals?compare=1": [("compare", "value_unknown", None)],
    "totals?compare=year": [("compare", "not_together", None)],
    "totals?format=xml": [("format", "value_unknown", None)],
    "totals?step=day": [("step", "parameter_unknown", "site")],
    "series?range=30d&step=hour": [("step", "not_together", None)],
    "series?range=24h&step=day": [("step", "not_together", None)],
    "series?metrics=people&button=Buy": [("metrics", "not_together", None)],
    "breakdown": [("by", "parameter_missing", None)],
    "breakdown?by=pages": [("by", "value_unknown", "page")],
    "breakdown?by=exit_page&button=Buy": [("by", "not_together", None)],
    "breakdown?by=page&limit=0&offset=-1": [("limit", "value_invalid", None), ("offset", "value_invalid", None)],
}


FILTERED = "&".join(f"page=/{number}" for number in range(50))
BOUNDS = [
    ("totals?from=2026-08-28&to=2026-08-28", True),
    ("totals?from=2026-08-27", False),
    ("totals?from=2026-11-25", True),
    ("totals?from=2026-11-26", False),
    (f"totals?{FILTERED}", True),
    (f"totals?{FILTERED}&page=/more", False),
    ("breakdown?by=page&limit=1000&offset=10000", True),
    ("breakdown?by=page&limit=1001", False),
    ("breakdown?by=page&offset=10001", False),
    ("breakdown?by=page&limit=１０", False),
    ("breakdown?by=page&limit=%2B1", False),
    ("breakdown?by=page&limit=1_0", False),
]


@pytest.mark.parametrize(("path", "is_usable"), BOUNDS)
async def test_bounds_are_those_that_are_named(client: httpx.AsyncClient, path: str, is_usable: bool) -> None:
    await answer(client, path, 200 if is_usable else 400)


async def test_of_a_long_value_the_beginning_is_sent_back(client: httpx.AsyncClient) -> None:
    (fault,) = (await answer(client, f"totals?device={'x' * 5_000}", 400))["errors"]
    assert fault["got"] == "x" * 100


async def test_metrics_come_in_the_order_asked_for_and_once(client: httpx.AsyncClient) -> None:
    def names(got: dict[str, Any]) -> list[str]:
        return [column["name"] for column in got["columns"]]

    assert names(await answer(client, "totals?metrics=views,people,,views&metrics=people")) == ["views", "people"]
    assert names(await answer(client, "totals?button=Buy")) == ["people", "views", "events"]
    assert names(await answer(client, "series?button=Buy")) == ["start", "views", "events"]


async def test_an_answer_says_which_filters_it_is_of(client: httpx.AsyncClient) -> None:
    got = await answer(client, "totals?page=!/a&country=DE&goal=type:sign_up")
    assert got["filters"] == [
        {"name": "country", "value": "DE", "is_excluded": False},
        {"name": "page", "value": "/a", "is_excluded": True},
    ]
    assert got["goal"] == {"name": "type", "value": "sign_up"}


async def test_a_step_that_the_previous_period_lacks_is_null(client: httpx.AsyncClient) -> None:
    day = "series?from=2026-10-25&to=2026-10-25&tz=Europe/Berlin&step=hour&compare=previous&metrics=events,visits"
    rows = (await answer(client, day))["rows"]
    assert len(rows) == 25
    assert (rows[-1]["previous_start"], rows[-1]["previous_events"]) == (None, None)
    assert rows[-2]["previous_start"] is not None


class Measured(OneNameEach):
    """Has the speed of the first step, of the metric that is asked for, now and before."""

    async def run(self, query: Query, report: Report = NOBODY) -> Result:
        found = await super().run(query, report)
        speed = {"": 0.0, "LCP": 1500.0, "INP": 80.0}[query.metric]
        return replace(found, vital_steps=[(True, 0, speed), (False, 0, speed * 2)])


async def test_each_metric_of_speed_is_asked_for() -> None:
    app = FastAPI()
    add_stats_api_routes(app, Measured(Database(at("host=nowhere"))), 90, lambda: NOW)
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        got = await answer(client, "series?range=7d&compare=previous&metrics=p75_lcp,events,p75_inp")
    first = got["rows"][0]
    assert (first["p75_lcp"], first["previous_p75_lcp"]) == (1500.0, 3000.0)
    assert (first["p75_inp"], first["previous_p75_inp"], first["events"]) == (80.0, 160.0, 3)


@pytest.mark.parametrize(("path", "faults"), FAULTS.items(), ids=FAULTS)
async def test_every_fault_is_named_with_what_was_expected(
    client: httpx.AsyncClient, path: str, faults: list[tuple[str, str, str | None]]
) -> None:
    got = await answer(client, path, 400)
    named = [(each["parameter"], each["code"], each["did_you_mean"]) for each in got["errors"]]
    assert named == faults
    assert all(each["expected"] for each in got["errors"])


async def test_without_postgres_it_says_what_to_set() -> None:
    app = FastAPI()
    add_stats_api_routes(app, None, 90, lambda: NOW)
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        got = await client.get(f"{PATH}/totals")
    assert (got.status_code, "FOOTFALL_POSTGRES_DSN" in got.text) == (503, True)
    assert int(got.headers["retry-after"]) > 0


async def test_the_description_lists_metrics_and_dimensions(client: httpx.AsyncClient) -> None:
    got = (await client.get(PATH)).json()
    assert [each["name"] for each in got["metrics"]] == list(metrics.SERIES)
    assert got["dimensions"] == list(DIMENSIONS)
