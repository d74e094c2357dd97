"""The pages are readable without JavaScript, run nothing of others, weigh little, and say what to do when empty."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport

import dashboard
from dashboard.app import build_app
from dashboard.live.service import LiveService
from dashboard.render.panels import LIVE_FIRST, PANELS
from dashboard.settings import Settings
from service_kit.kafka.settings import KafkaSettings
from service_kit.page_header import LINKS, STYLES, page_header
from service_kit.retention import RetentionSettings
from service_kit.settings import variables
from tests.dashboard.partials import partial

HERE = Path(dashboard.__file__).parent
MAX_BYTES = 16_000
EVIL = "<img src=x onerror=alert(1)>"
NOTHING_RUNS = KafkaSettings(kafka_bootstrap="localhost:1")


@pytest.fixture
def application() -> FastAPI:
    return build_app(Settings(kafka=NOTHING_RUNS, trust_loopback=True))


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = ASGITransport(application, client=("127.0.0.1", 4242))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as made:
        yield made


async def test_an_empty_page_says_how_to_send_the_first_event(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    assert "curl -X POST http://localhost/api/analytics/collect" in page
    assert "Kafka is unavailable" in page
    assert "Send button_click with event_data.button." in page


async def test_without_postgres_the_history_says_what_to_set(client: httpx.AsyncClient) -> None:
    page = await client.get("/history")
    assert page.status_code == 503
    assert "FOOTFALL_POSTGRES_DSN is not set" in page.text
    assert (await client.get("/dashboard/history.json")).status_code == 503


@pytest.mark.parametrize("days", [365, 30])
async def test_the_history_says_how_long_events_are_retained(days: int) -> None:
    retention = RetentionSettings(retention_days=days)
    app = build_app(Settings(kafka=NOTHING_RUNS, trust_loopback=True, retention=retention))
    transport = ASGITransport(app, client=("127.0.0.1", 4242))
    today = datetime.now(UTC).date()
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        oldest = (await client.get("/history", params={"from": "2001-01-01"})).text
        within = (await client.get("/history", params={"from": str(today - timedelta(days=300))})).text
    assert f"Events are retained for {days} days; this period begins on" in oldest
    assert ("Events are retained" in within) is (days < 300)
    assert ("90 days</a>" in within) is (days >= 90)


@pytest.mark.parametrize("path", ["/", "/history", "/pipeline"])
async def test_nothing_is_loaded_from_elsewhere_runs_inline_or_is_cached(
    client: httpx.AsyncClient, path: str
) -> None:
    page = await client.get(path)
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r'<\w[^>]*\s(?:src|href)="(?:https?:)?//', page.text)
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page.text)


def test_scripts_put_text_of_others_only_into_text() -> None:
    for script in (HERE / "static").glob("*.js"):
        forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|setHTML|DOMParser"
        assert not re.search(forbidden, script.read_text()), script


@pytest.mark.parametrize("path", ["/", "/history", "/pipeline", "/event-types"])
async def test_a_page_with_its_styles_and_scripts_weighs_at_most_sixteen_kilobytes(
    client: httpx.AsyncClient, path: str
) -> None:
    page = (await client.get(path)).content
    sizes, linked = {path: len(gzip.compress(page))}, re.findall(rb'"(/dashboard/static/[^"]+)"', page)
    for file in linked:
        answer = await client.get(file.decode(), headers={"accept-encoding": "gzip"})
        assert answer.headers.get("content-encoding") == "gzip" or len(answer.content) < 500
        sizes[file.decode()] = len(gzip.compress(answer.content))
        linked += {b"/dashboard/static/" + name for name in re.findall(rb'from "\./(.+?)"', answer.content)} - {
            *linked
        }
    assert sum(sizes.values()) <= MAX_BYTES, sizes
    assert len(sizes) >= 4


async def test_names_that_clients_choose_are_text_on_the_live_page() -> None:
    settings = Settings(kafka=NOTHING_RUNS, trust_loopback=True)
    names = {EVIL: 2, "=1+1": 1}
    app = build_app(settings)
    live: LiveService = app.state.live
    start = live.snapshot()["as_of"] // 60_000 * 60_000
    for dimension in ("events", "pages", "buttons", "page_errors"):
        live.state.merge(partial(dimension, start, counts=names))
    transport = ASGITransport(app, client=("127.0.0.1", 4242))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = (await client.get("/", params={"type": EVIL, "tz": EVIL})).text
    assert page.count("&lt;img") >= 4
    assert "<img src=x" not in page


async def test_every_panel_is_on_the_live_page_with_the_names_of_its_dimension() -> None:
    app = build_app(Settings(kafka=NOTHING_RUNS, trust_loopback=True))
    live: LiveService = app.state.live
    start = live.snapshot()["as_of"] // 60_000 * 60_000
    for dimension in {panel.dimension for panel in PANELS if panel.dimension}:
        live.state.merge(partial(dimension, start, counts={f"one of {dimension}": 3}))
    transport = ASGITransport(app, client=("127.0.0.1", 4242))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = (await client.get("/")).text
    tables = re.findall(r'<table data-panel="(\w+)".*?</table>', page, re.DOTALL)
    panels = [panel.name for panel in (*LIVE_FIRST, *PANELS)]
    assert tables[: len(panels)] == panels
    for panel in PANELS:
        if panel.dimension:
            (table,) = re.findall(rf'<table data-panel="{panel.name}".*?</table>', page, re.DOTALL)
            assert f"one of {panel.dimension}" in table
            assert " hidden" not in table.partition(">")[0]


def test_the_header_looks_the_same_on_the_pages_of_all_services_and_marks_the_current_one() -> None:
    assert STYLES in (HERE / "static/page.css").read_text()
    for path, name in LINKS:
        assert re.findall(r"aria-current=[^>]*>(.*?)</a>", page_header(path)) == [name]
    assert re.findall(r"aria-current=[^>]*>(.*?)</a>", page_header("/catalogue/events")) == ["Topics"]
    assert 'href="/history?tz=&quot;"' in page_header("/", '?tz="')


async def test_the_snapshot_is_sent_again_only_when_it_changed(client: httpx.AsyncClient) -> None:
    first = await client.get("/dashboard/snapshot.json")
    again = await client.get("/dashboard/snapshot.json", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)


async def test_times_are_in_the_zone_of_the_url(client: httpx.AsyncClient) -> None:
    assert 'data-zone="Asia/Tokyo"' in (await client.get("/?tz=Asia/Tokyo")).text
    wrong = (await client.get("/?tz=Middle/Earth")).text
    assert 'data-zone="UTC"' in wrong
    assert "There is no time zone “Middle/Earth”" in wrong


async def test_until_the_counts_are_read_it_is_not_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/dashboard/snapshot.json")).json()["connected"] is False


async def test_once_a_background_task_has_ended_it_stops_and_is_not_ready(
    application: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ends() -> None:
        raise LookupError

    stops = list[bool]()
    monkeypatch.setattr("service_kit.background.stop_process", lambda: stops.append(True))
    live: LiveService = application.state.live
    monkeypatch.setattr(live.hub, "run", ends)
    async with application.router.lifespan_context(application):
        live.follower.caught_up = True
        await asyncio.sleep(0.01)
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "the event streams ended; stopping")
    assert stops == [True]


def test_every_setting_is_documented() -> None:
    page = (HERE.parent / "docs/dashboard.md").read_text()
    shared = variables(KafkaSettings)
    assert [name for name in variables(Settings) if name not in shared and f"`{name}`" not in page] == []
