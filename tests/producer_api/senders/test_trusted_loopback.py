"""A collector that trusts loopback, as `footfall up` starts it, asked over HTTP."""

import time

import httpx
import pytest

from producer_api.app import VALIDATE, build_app
from producer_api.errors import Forbidden
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request, Sender
from producer_api.senders.authenticate import Authenticator
from producer_api.settings import Settings
from service_kit.kafka.settings import KafkaSettings
from service_kit.local_requests import is_local, joined
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret
from tests.support.session_tokens import SECRET, token

EVENT = b'{"event_type": "test_event", "event_data": {"source": "manual_test"}}'


def _settings() -> Settings:
    return Settings(
        kafka=KafkaSettings(kafka_bootstrap="localhost:1"),
        hash_key=Secret("a hash key for tests"),
        sessions=SessionSettings(session_key=Secret(SECRET)),
        trust_loopback=True,
    )


@pytest.mark.parametrize(
    ("ip", "host", "headers", "status"),
    [
        pytest.param("127.0.0.1", "localhost:3000", {}, 200, id="this machine"),
        pytest.param("::1", "[::1]:3000", {}, 200, id="this machine over IPv6"),
        pytest.param("127.0.0.1", "evil.example:3000", {}, 403, id="DNS rebinding"),
        pytest.param("203.0.113.7", "localhost:3000", {}, 403, id="another machine"),
        pytest.param("127.0.0.1", "localhost:3000", {"x-forwarded-for": "203.0.113.7"}, 403, id="X-Forwarded-For"),
        pytest.param("127.0.0.1", "localhost:3000", {"x-real-ip": "203.0.113.7"}, 403, id="X-Real-IP"),
        pytest.param("127.0.0.1", "localhost:3000", {"forwarded": "for=203.0.113.7"}, 403, id="Forwarded"),
        pytest.param("127.0.0.1", "localhost:3000", {"via": "1.1 proxy"}, 403, id="Via"),
        pytest.param(
            *(
                "127.0.0.1",
                "localhost:3000",
                {"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "localhost:3001"},
            ),
            200,
            id="a development server that says who asked it",
        ),
        pytest.param(
            *("127.0.0.1", "localhost:3000", {"x-forwarded-for": "::1", "via": "1.1 Caddy"}), 200, id="Caddy, here"
        ),
        pytest.param(
            *("127.0.0.1", "localhost:3000", {"x-forwarded-for": "127.0.0.1, 203.0.113.7"}),
            403,
            id="a claim of its own",
        ),
        pytest.param(
            *("127.0.0.1", "localhost:3000", {"x-forwarded-for": "::1", "x-forwarded-host": "shop.example"}),
            403,
            id="a public host",
        ),
        pytest.param(
            *("127.0.0.1", "localhost:3000", {"x-forwarded-host": "localhost"}), 403, id="only X-Forwarded-Host"
        ),
        pytest.param(
            *("127.0.0.1", "localhost:3000", {"x-forwarded-for": "::1", "x-real-ip": "203.0.113.7"}),
            403,
            id="X-Real-IP of another",
        ),
    ],
)
async def test_only_requests_of_this_machine_need_no_session(
    ip: str, host: str, headers: dict[str, str], status: int
) -> None:
    transport = httpx.ASGITransport(build_app(_settings()), client=(ip, 4242))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        answer = await client.post(VALIDATE, content=EVENT, headers=headers | {"content-type": "text/plain"})
    assert answer.status_code == status


def test_a_line_that_a_proxy_adds_counts_with_the_line_that_a_client_made_up() -> None:
    lines = [("Host", "localhost"), ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "203.0.113.7")]
    headers = joined(lines)
    assert headers["x-forwarded-for"] == "127.0.0.1, 203.0.113.7"
    assert not is_local("127.0.0.1", "localhost", headers)
    assert is_local("127.0.0.1", "localhost", joined(lines[:2]))
    request = Request.of(
        {
            "headers": [(name.lower().encode(), value.encode()) for name, value in lines],
            "client": ("127.0.0.1", 1),
            "scheme": "http",
        }
    )
    assert request.header(b"x-forwarded-for") == headers["x-forwarded-for"]


async def test_a_browser_of_this_machine_is_a_visitor_and_its_cookie_lets_nobody_else_in() -> None:
    authenticator = Authenticator(_settings(), Hasher("a hash key for tests"))

    async def sender(host: bytes, ip: str, cookies: str) -> Sender:
        headers = {b"host": host} | ({b"cookie": cookies.encode()} if cookies else {})
        return await authenticator.authenticate(Request(headers, ip, is_secure=False))

    new = await sender(b"localhost:3000", "127.0.0.1", "")
    assert new.visitor_id
    cookie = (new.set_cookie or "").partition(";")[0]
    for _ in range(2):
        assert await sender(b"localhost:3000", "127.0.0.1", cookie) == Sender(visitor_id=new.visitor_id)
    for host, ip in ((b"localhost:3000", "203.0.113.7"), (b"evil.example", "127.0.0.1")):
        with pytest.raises(Forbidden):
            await sender(host, ip, cookie)
    session = f"session={token(sid='s', exp=int(time.time()) + 7_200)}"
    both = Sender(user_id="ann", session_id="s", visitor_id=new.visitor_id)
    assert await sender(b"localhost:3000", "127.0.0.1", f"{cookie}; {session}") == both
    assert (await sender(b"localhost:3000", "203.0.113.7", f"{cookie}; {session}")).visitor_id is None
