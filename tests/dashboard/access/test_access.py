"""Access: nobody by default; with the token, with a session that has the role, or from this machine if it is trusted."""

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

from dashboard.access import login_cookie
from dashboard.access.middleware import own_path
from dashboard.app import build_app
from dashboard.settings import Settings
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret

TOKEN = "a token for tests only"
KEY = "a session key for tests only, 32 or more"
PATHS_WITH_DATA = ("/", "/history", "/event-types", "/dashboard/event-types.json", "/dashboard/snapshot.json", "/dashboard/stream", "/dashboard/history.json",
        "/dashboard/history/pages.csv", "/api/stats/v1", "/api/stats/v1/totals")  # fmt: skip


def client(ip: str = "203.0.113.7", host: str = "stats.example", **settings: Any) -> httpx.AsyncClient:
    app = build_app(Settings(kafka=KafkaSettings(kafka_bootstrap="localhost:1"), **settings))
    return httpx.AsyncClient(transport=ASGITransport(app, client=(ip, 4242)), base_url=f"https://{host}")


def session(key: Any = KEY, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
    claims = {"sub": "anna", "exp": time.time() + 3600, "roles": ["footfall"]} | claims
    return {"cookie": f"session={jwt.encode(claims, key, algorithm)}"}


@pytest.mark.parametrize("path", PATHS_WITH_DATA)
@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, 403), ({"dashboard_token": Secret(TOKEN)}, 401)],
    ids=["disabled", "login required"],
)
async def test_without_access_nothing_can_be_read(path: str, settings: dict[str, Any], status: int) -> None:
    async with client(**settings) as reader:
        for headers in ({}, {"authorization": "Bearer guess"}, {"cookie": f"{login_cookie.NAME}=9999999999.00"}):
            answer = await reader.get(path, headers=headers)
            assert answer.status_code == status
            assert answer.headers["cache-control"] == "no-store"


async def test_the_page_of_a_disabled_dashboard_says_how_to_enable_access() -> None:
    async with client() as reader:
        page = await reader.get("/", headers={"accept": "text/html"})
    assert page.status_code == 403
    assert "FOOTFALL_DASHBOARD_TOKEN" in page.text


async def test_the_token_grants_access_as_a_bearer_token_and_by_a_login_that_sets_a_cookie() -> None:
    async with client(dashboard_token=Secret(TOKEN)) as reader:
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert (await reader.get("/dashboard/snapshot.json", headers=bearer)).status_code == 200
        wrong = await reader.post("/dashboard/login", data={"token": "guess"}, headers={"accept": "text/html"})
        assert (wrong.status_code, "The token is wrong." in wrong.text) == (401, True)
        right = await reader.post("/dashboard/login", data={"token": TOKEN, "to": "/history?range=7d"})
        assert (right.status_code, right.headers["location"]) == (303, "/history?range=7d")
        cookie = right.headers["set-cookie"]
        assert all(flag in cookie for flag in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"))
        assert TOKEN not in cookie
        assert (await reader.get("/dashboard/snapshot.json")).status_code == 200
        await reader.post("/dashboard/logout")
        assert (await reader.get("/dashboard/snapshot.json")).status_code == 401


async def test_a_session_grants_access_only_with_the_role_and_a_valid_signature() -> None:
    settings = {"dashboard_role": "footfall", "sessions": SessionSettings(session_key=Secret(KEY))}
    rejected = [
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
        for headers in rejected:
            assert (await reader.get("/dashboard/snapshot.json", headers=headers)).status_code == 401


async def test_a_public_key_verifies_only_its_own_kind_of_signature() -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    async with client(dashboard_role="footfall", sessions=SessionSettings(session_key=Secret(pem))) as reader:
        valid = await reader.get("/dashboard/snapshot.json", headers=session(private, "EdDSA"))
        # The public key is not a secret, so it must not work as one.
        forged = await reader.get("/dashboard/snapshot.json", headers=session("a" * 40, "HS256"))
    assert (valid.status_code, forged.status_code) == (200, 401)


async def test_a_session_that_cannot_be_verified_yet_is_asked_to_retry() -> None:
    unavailable = SessionSettings(session_jwks_url="file:///nowhere/keys.json")
    async with client(dashboard_role="footfall", sessions=unavailable) as reader:
        answer = await reader.get("/dashboard/snapshot.json", headers=session())
        page = await reader.get("/", headers=session() | {"accept": "text/html"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "could not be fetched" in answer.json()["message"]
    assert (page.status_code, "cannot be verified yet" in page.text) == (503, True)


async def test_without_a_role_no_session_grants_access() -> None:
    async with client(sessions=SessionSettings(session_key=Secret(KEY))) as reader:
        assert (await reader.get("/dashboard/snapshot.json", headers=session())).status_code == 403


async def test_a_wrong_token_does_no_harm_to_a_reader_who_has_access_anyway() -> None:
    async with client("127.0.0.1", "localhost", trust_loopback=True, dashboard_token=Secret(TOKEN)) as reader:
        answer = await reader.post("/dashboard/login", data={"token": "guess", "to": "/history"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/history")


@pytest.mark.parametrize(
    ("ip", "host", "headers", "status"),
    [
        pytest.param("127.0.0.1", "localhost", {}, 200, id="this machine"),
        pytest.param("203.0.113.7", "localhost", {}, 403, id="another machine"),
        pytest.param("127.0.0.1", "evil.example", {}, 403, id="a foreign name that resolves to this machine"),
        pytest.param("127.0.0.1", "localhost", {"x-forwarded-for": "203.0.113.7"}, 403, id="through a proxy"),
        pytest.param("127.0.0.1", "localhost", {"x-real-ip": "203.0.113.7"}, 403, id="through nginx"),
    ],
)
async def test_a_trusted_loopback_grants_this_machine_access(
    ip: str, host: str, headers: dict[str, str], status: int
) -> None:
    async with client(ip, host, trust_loopback=True) as reader:
        assert (await reader.get("/dashboard/snapshot.json", headers=headers)).status_code == status
    async with client(ip, host) as reader:
        assert (await reader.get("/dashboard/snapshot.json", headers=headers)).status_code == 403


def test_a_login_cookie_expires_and_a_new_token_invalidates_all() -> None:
    value = login_cookie.issue(TOKEN, now=1000)
    assert login_cookie.is_valid(value, TOKEN, now=1001)
    assert not login_cookie.is_valid(value, TOKEN, now=1000 + login_cookie.MAX_AGE_SECONDS)
    assert not login_cookie.is_valid(value, "another token", now=1001)
    later = f"{int(value.split('.')[0]) + 1}.{value.split('.')[1]}"
    assert not login_cookie.is_valid(later, TOKEN, now=1001)


@given(st.text())
def test_no_other_text_is_a_login_cookie(value: str) -> None:
    assert not login_cookie.is_valid(value, TOKEN, now=1000)


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/a\r\nb"]
)
def test_a_login_never_redirects_to_another_site(to: str) -> None:
    assert own_path(to) == "/"


def test_a_login_redirects_back_to_the_page() -> None:
    assert own_path("/history?range=7d&type=a b") == "/history?range=7d&type=a b"
