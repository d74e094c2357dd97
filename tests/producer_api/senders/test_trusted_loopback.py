"""A collector that trusts loopback, as `footfall up` starts it, asked over HTTP."""

import httpx
import pytest

from producer_api.app import VALIDATE, build_app
from producer_api.settings import Settings
from service_kit.kafka.settings import KafkaSettings
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
