"""The page of the event types: readable by who may read, and only editors accept, from the page itself."""

import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from httpx import ASGITransport

from avro_schemas import custom_events_file
from avro_schemas.event_types import event_type_names
from dashboard.app import build_app
from dashboard.event_types import catalogue
from dashboard.event_types.routes import ACCEPT, AS_JSON, PAGE
from dashboard.settings import Settings
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret

KEY = "a session key for tests only, 32 or more"
TOKEN = "a token for tests only"
WANTED = {"event_type": "tea_made", "about": "Somebody made tea."}
EDITORS = {
    "dashboard_role": "reader",
    "dashboard_editor_role": "editor",
    "dashboard_token": Secret(TOKEN),
    "sessions": SessionSettings(session_key=Secret(KEY)),
}


def client(ip: str = "203.0.113.7", host: str = "stats.example", **settings: Any) -> httpx.AsyncClient:
    app = build_app(Settings(kafka=KafkaSettings(kafka_bootstrap="localhost:1"), **settings))
    return httpx.AsyncClient(transport=ASGITransport(app, client=(ip, 4242)), base_url=f"https://{host}")


def session(*roles: str) -> dict[str, str]:
    claims = {"sub": "anna", "exp": time.time() + 3600, "roles": list(roles)}
    return {"cookie": f"session={jwt.encode(claims, KEY, 'HS256')}"}


async def test_the_page_lists_the_catalogue_and_says_why_nothing_is_proposed() -> None:
    async with client(**EDITORS) as reader:
        page = await reader.get(PAGE, headers=session("reader"))
        answer = await reader.get(AS_JSON, headers=session("reader"))
        assert (await reader.get(PAGE)).status_code == (await reader.get(AS_JSON)).status_code == 401
    assert page.status_code == 200
    assert all(f"<code>{name}</code>" in page.text for name in event_type_names())
    assert "FOOTFALL_POSTGRES_DSN is not set" in page.text
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (session("reader"), 403),
        ({"authorization": f"Bearer {TOKEN}"}, 403),
        (session("editor") | {"sec-fetch-site": "cross-site"}, 403),
        (session("editor") | {"sec-fetch-site": "same-site"}, 403),
        (session("editor") | {"origin": "https://evil.example"}, 403),
        (session("editor") | {"origin": "null"}, 403),
        (session("editor") | {"origin": "https://stats.example"}, 409),
        (session("editor") | {"sec-fetch-site": "same-origin", "origin": "https://rewritten"}, 409),
        (session("editor"), 409),
    ],
)
@pytest.mark.parametrize("body", [{"json": WANTED}, {"data": WANTED}], ids=["program", "form"])
async def test_only_editors_accept_and_only_from_our_own_page(
    body: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    """Who may, gets the line to add, as there is no folder to write to."""
    async with client(**EDITORS) as sender:
        answer = await sender.post(ACCEPT, headers=headers, **body)
    assert answer.status_code == status
    assert ("tea_made: Somebody made tea." in answer.text) is (status == 409)


async def test_an_editor_may_read_without_another_role() -> None:
    async with client(**EDITORS) as reader:
        assert (await reader.get("/dashboard/snapshot.json", headers=session("editor"))).status_code == 200


async def test_without_the_setting_nobody_edits_but_on_a_machine_that_is_trusted() -> None:
    settings = EDITORS | {"dashboard_editor_role": None}
    async with client(**settings) as sender:
        assert (await sender.post(ACCEPT, json=WANTED, headers=session("reader"))).status_code == 403
    async with client("127.0.0.1", "localhost", trust_loopback=True) as sender:
        assert (await sender.post(ACCEPT, json=WANTED)).status_code == 409
    async with client("127.0.0.1", "evil.example", trust_loopback=True) as sender:
        assert (await sender.post(ACCEPT, json=WANTED)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"event_type": 1}', b'{"event_type": "a", "about": 1}', b"\xff", b" " * 9_000],
    ids=["empty", "half", "list", "number", "meaning", "bytes", "large"],
)
async def test_a_body_that_says_nothing_is_a_400(body: bytes) -> None:
    async with client("127.0.0.1", "localhost", trust_loopback=True) as sender:
        for content_type in ("application/json", "application/x-www-form-urlencoded"):
            answer = await sender.post(ACCEPT, content=body, headers={"content-type": content_type})
            assert answer.status_code == 400


def test_what_is_accepted_is_in_the_catalogue_at_once(tmp_path: Path) -> None:
    assert catalogue.accept(tmp_path, "tea_made", " ")
    assert catalogue.meanings(tmp_path)["tea_made"] == catalogue.DEFAULT_ABOUT
    assert not catalogue.accept(tmp_path, "tea_made", "Again.")
    assert not catalogue.accept(tmp_path, "page_view", "Ours already.")
    assert list(custom_events_file.read(tmp_path)) == ["tea_made"]


def test_a_folder_that_cannot_be_read_takes_nothing_away(tmp_path: Path) -> None:
    (tmp_path / custom_events_file.NAME).write_text("- no mapping")
    assert set(catalogue.meanings(tmp_path)) == event_type_names()
