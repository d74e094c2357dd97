"""A collector that trusts loopback, as `footfall up` starts it, asked over HTTP."""

import httpx
import pytest

from producer_api.app import VALIDATE, build_app
from producer_api.request import Request
from producer_api.settings import Settings
from service_kit.kafka.settings import KafkaSettings
from service_kit.local_requests import is_local, joined
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret

EVENT = b'{"event_type": "test_event", "event_data": {"source": "manual_test"}}'


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
    settings = Settings(
        kafka=KafkaSettings(kafka_bootstrap="localhost:1"),
        hash_key=Secret("a hash key for tests"),
        sessions=SessionSettings(session_key=Secret("a session key of thirty-two characters")),
        trust_loopback=True,
    )
    transport = httpx.ASGITransport(build_app(settings), client=(ip, 4242))
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
