"""The page is readable without JavaScript, runs nothing of others, and says what to do when it is empty."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import dashboard
from dashboard.app import build_app
from dashboard.settings import Settings
from service_kit.kafka import KafkaSettings

STATIC = Path(dashboard.__file__).parent / "static"


@pytest.fixture
def client() -> Iterator[httpx.AsyncClient]:
    app = build_app(Settings(kafka=KafkaSettings(kafka_bootstrap="localhost:1")))
    yield httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://stats.example")


async def test_an_empty_page_says_how_to_send_the_first_event(client: httpx.AsyncClient) -> None:
    async with client:
        page = await client.get("/")
    assert "curl -X POST http://stats.example/api/analytics/collect" in page.text
    assert "not connected to Kafka" in page.text


async def test_nothing_comes_from_elsewhere_and_nothing_inline_runs(client: httpx.AsyncClient) -> None:
    async with client:
        page = await client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page.text)


def test_the_script_puts_texts_of_others_only_into_text() -> None:
    script = (STATIC / "page.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


async def test_before_the_counts_are_read_it_is_not_ready(client: httpx.AsyncClient) -> None:
    async with client:
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/dashboard/snapshot.json")).json()["connected"] is False
