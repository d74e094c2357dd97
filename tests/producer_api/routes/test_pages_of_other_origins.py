"""Which pages may post, and what a page can read that may not, asked over HTTP."""

import httpx
import pytest

from producer_api.app import VALIDATE, build_app
from producer_api.settings import Settings
from service_kit.settings import load
from tests.support.session_tokens import SECRET, token

EVENT = b'{"event_type": "test_event", "event_data": {"source": "manual_test"}}'
FRIEND, EVIL = "https://friend.example", "https://evil.example"
ENVIRON = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_SESSION_KEY": SECRET,
    "FOOTFALL_ALLOWED_ORIGINS": FRIEND,
    "FOOTFALL_BACKEND_KEYS": "billing=a-key-of-a-backend-with-32-characters",
}


def client(**environ: str) -> httpx.AsyncClient:
    settings = load(Settings, ENVIRON | environ)
    transport = httpx.ASGITransport(build_app(settings), client=("127.0.0.1", 4242))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:3000")


def headers_of(origin: str | None, site: str | None = None, user: str | None = "ann") -> dict[str, str]:
    given = {"origin": origin, "sec-fetch-site": site, "cookie": f"session={token(sub=user)}" if user else None}
    return {"content-type": "text/plain"} | {name: value for name, value in given.items() if value}


@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        pytest.param(FRIEND, "cross-site", 200, id="listed"),
        pytest.param(EVIL, "cross-site", 403, id="foreign"),
        pytest.param("null", "cross-site", 403, id="sandboxed or hidden, foreign"),
    ],
)
async def test_a_page_reads_the_answer_and_the_rejection(origin: str, site: str, status: int) -> None:
    async with client() as collector:
        preflight = await collector.options(VALIDATE, headers={"origin": origin})
        answer = await collector.post(VALIDATE, content=EVENT, headers=headers_of(origin, site))
    for response in (preflight, answer):
        assert response.headers["access-control-allow-origin"] == origin
        assert response.headers["vary"] == "Origin"
    assert answer.status_code == status
    if status == 403:
        (fault,) = answer.json()["errors"]
        assert fault["code"] == "origin_not_allowed"
        assert fault["expected"].startswith(f"{EVIL} in FOOTFALL_ALLOWED_ORIGINS" if origin == EVIL else "a page")
        assert "footfall-sender" not in answer.headers


@pytest.mark.parametrize("origin", ["https://app.example", "null", None])
async def test_a_page_of_the_own_origin_may_post_behind_a_proxy_that_rewrites_host(origin: str | None) -> None:
    async with client() as collector:
        answer = await collector.post(VALIDATE, content=EVENT, headers=headers_of(origin, "same-origin"))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("origin", "trusted", "status"),
    [
        pytest.param("http://localhost:5173", True, 200, id="development server"),
        pytest.param("http://127.0.0.1:8080", True, 200, id="its address"),
        pytest.param("http://[::1]:8080", True, 200, id="over IPv6"),
        pytest.param("http://app.localhost:5173", True, 200, id="a name of this machine"),
        pytest.param("http://localhost.evil.example", True, 403, id="a name that begins like it"),
        pytest.param("http://evil.example:5173", True, 403, id="another machine"),
        pytest.param("null", True, 403, id="hidden"),
        pytest.param("http://localhost:5173", False, 403, id="in production"),
    ],
)
async def test_pages_of_this_machine_may_post_where_it_is_trusted(origin: str, trusted: bool, status: int) -> None:
    environ = {"FOOTFALL_TRUST_LOOPBACK": "true"} if trusted else {}
    async with client(**environ) as collector:
        headers = headers_of(origin, "same-site", user=None if trusted else "ann")
        answer = await collector.post(VALIDATE, content=EVENT, headers=headers)
    assert answer.status_code == status


async def test_a_page_learns_that_another_person_sends_but_not_who() -> None:
    async with client() as collector:

        async def tag(**changes: str) -> str | None:
            headers = headers_of(FRIEND, "cross-site", user=changes.pop("user", "ann")) | changes
            answer = await collector.post(VALIDATE, content=EVENT, headers=headers)
            assert answer.status_code == 200
            exposed = answer.headers.get("access-control-expose-headers", "")
            assert "Footfall-Sender" in exposed or "origin" not in headers
            return answer.headers.get("footfall-sender")

        mine = await tag()
        assert mine is not None
        assert len(mine) == 4
        assert await tag() == mine
        assert await tag(user="bob") != mine
        assert await tag(**{"sec-gpc": "1"}) is None
        assert await tag(**{"footfall-key": ENVIRON["FOOTFALL_BACKEND_KEYS"].partition("=")[2]}) is None
        no_page = await collector.post(VALIDATE, content=EVENT, headers=headers_of(None))
        assert "footfall-sender" not in no_page.headers
