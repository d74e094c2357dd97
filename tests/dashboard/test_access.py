"""Who may read: nobody by default; who has the token, or a session with the role; on one machine that machine."""

import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from httpx import ASGITransport
from hypothesis import given
from hypothesis import strategies as st

from dashboard.access import cookie as tickets
from dashboard.access.middleware import own_path
from dashboard.app import build_app
from dashboard.settings import Settings
from service_kit.kafka import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret

TOKEN = "a token for tests only"
KEY = "a session key for tests only, 32 or more"
DATA = ("/", "/history", "/dashboard/snapshot.json", "/dashboard/stream", "/dashboard/history.json",
        "/dashboard/history/pages.csv")  # fmt: skip


def client(address: str = "203.0.113.7", host: str = "stats.example", **settings: Any) -> httpx.AsyncClient:
    app = build_app(Settings(kafka=KafkaSettings(kafka_bootstrap="localhost:1"), **settings))
    return httpx.AsyncClient(transport=ASGITransport(app, client=(address, 4242)), base_url=f"https://{host}")


def session(key: Any = KEY, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
    claims = {"sub": "anna", "exp": time.time() + 60, "roles": ["footfall"]} | claims
    return {"cookie": f"session={jwt.encode(claims, key, algorithm)}"}


@pytest.mark.parametrize("path", DATA)
@pytest.mark.parametrize(
    ("settings", "status"), [({}, 403), ({"dashboard_token": Secret(TOKEN)}, 401)], ids=["closed", "asks"]
)
async def test_a_stranger_reads_nothing(path: str, settings: dict[str, Any], status: int) -> None:
    async with client(**settings) as stranger:
        for headers in ({}, {"authorization": "Bearer guess"}, {"cookie": f"{tickets.COOKIE}=9999999999.00"}):
            answer = await stranger.get(path, headers=headers)
            assert answer.status_code == status
            assert answer.headers["cache-control"] == "no-store"


async def test_a_closed_dashboard_says_how_to_open_it() -> None:
    async with client() as stranger:
        page = await stranger.get("/", headers={"accept": "text/html"})
    assert page.status_code == 403
    assert "FOOTFALL_DASHBOARD_TOKEN" in page.text


async def test_the_token_opens_as_a_bearer_and_by_a_form_that_leaves_a_ticket() -> None:
    async with client(dashboard_token=Secret(TOKEN)) as reader:
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert (await reader.get("/dashboard/snapshot.json", headers=bearer)).status_code == 200
        wrong = await reader.post("/dashboard/login", data={"token": "guess"}, headers={"accept": "text/html"})
        assert (wrong.status_code, "That is not the token." in wrong.text) == (401, True)
        right = await reader.post("/dashboard/login", data={"token": TOKEN, "to": "/history?range=7d"})
        assert (right.status_code, right.headers["location"]) == (303, "/history?range=7d")
        cookie = right.headers["set-cookie"]
        assert all(flag in cookie for flag in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"))
        assert TOKEN not in cookie
        assert (await reader.get("/dashboard/snapshot.json")).status_code == 200
        await reader.post("/dashboard/logout")
        assert (await reader.get("/dashboard/snapshot.json")).status_code == 401


async def test_a_session_opens_only_with_the_role_and_a_good_signature() -> None:
    settings = {"dashboard_role": "footfall", "sessions": SessionSettings(session_key=Secret(KEY))}
    refused = [
        session(roles=["other"]),
        session(roles=None),
        session(key="another key, which is also long enough"),
        session(exp=time.time() - 60),
        {"cookie": "session=nonsense"},
        {},
    ]
    async with client(**settings) as reader:
        for roles in (["footfall"], "admin footfall"):
            assert (await reader.get("/dashboard/snapshot.json", headers=session(roles=roles))).status_code == 200
        for headers in refused:
            assert (await reader.get("/dashboard/snapshot.json", headers=headers)).status_code == 401


async def test_a_public_key_opens_for_its_own_kind_of_signature_alone() -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    async with client(dashboard_role="footfall", sessions=SessionSettings(session_key=Secret(pem))) as reader:
        good = await reader.get("/dashboard/snapshot.json", headers=session(private, "EdDSA"))
        # Who knows the public key must not be able to use it as a secret.
        forged = await reader.get("/dashboard/snapshot.json", headers=session("a" * 40, "HS256"))
    assert (good.status_code, forged.status_code) == (200, 401)


async def test_a_session_that_cannot_be_checked_yet_may_come_again() -> None:
    away = SessionSettings(session_jwks_url="file:///nowhere/keys.json")
    async with client(dashboard_role="footfall", sessions=away) as reader:
        answer = await reader.get("/dashboard/snapshot.json", headers=session())
        page = await reader.get("/", headers=session() | {"accept": "text/html"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "could not be fetched" in answer.json()["message"]
    assert (page.status_code, "cannot be checked yet" in page.text) == (503, True)


async def test_without_a_role_sessions_do_not_open() -> None:
    async with client(sessions=SessionSettings(session_key=Secret(KEY))) as reader:
        assert (await reader.get("/dashboard/snapshot.json", headers=session())).status_code == 403


@pytest.mark.parametrize(
    ("address", "host", "headers", "status"),
    [
        pytest.param("127.0.0.1", "localhost", {}, 200, id="this machine"),
        pytest.param("203.0.113.7", "localhost", {}, 403, id="another machine"),
        pytest.param("127.0.0.1", "evil.example", {}, 403, id="a name of somebody else that leads here"),
        pytest.param("127.0.0.1", "localhost", {"x-forwarded-for": "203.0.113.7"}, 403, id="through a proxy"),
    ],
)
async def test_on_one_machine_that_machine_reads(
    address: str, host: str, headers: dict[str, str], status: int
) -> None:
    async with client(address, host, trust_loopback=True) as reader:
        assert (await reader.get("/dashboard/snapshot.json", headers=headers)).status_code == status
    async with client(address, host) as reader:
        assert (await reader.get("/dashboard/snapshot.json", headers=headers)).status_code == 403


def test_a_ticket_ends_and_a_new_token_ends_all() -> None:
    made = tickets.ticket(TOKEN, now=1000)
    assert tickets.is_good(made, TOKEN, now=1001)
    assert not tickets.is_good(made, TOKEN, now=1000 + tickets.LASTS_SECONDS)
    assert not tickets.is_good(made, "another token", now=1001)
    later = f"{int(made.split('.')[0]) + 1}.{made.split('.')[1]}"
    assert not tickets.is_good(later, TOKEN, now=1001)


@given(st.text())
def test_no_other_text_is_a_ticket(offered: str) -> None:
    assert not tickets.is_good(offered, TOKEN, now=1000)


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/a\r\nb"]
)
def test_a_login_leads_nowhere_else(to: str) -> None:
    assert own_path(to) == "/"


def test_a_login_leads_back() -> None:
    assert own_path("/history?range=7d&type=a b") == "/history?range=7d&type=a b"
