"""What strangers send is not held: caches have bounded entries, over the whole way of a request."""

import gc
import tracemalloc

import httpx
import pytest

from producer_api.app import VALIDATE, build_app
from producer_api.settings import Settings
from service_kit.settings import load
from tests.support.session_tokens import SECRET

ENVIRON = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_SESSION_KEY": SECRET,
    "FOOTFALL_ANONYMOUS_VISITORS": "true",
}
EVENT = b'{"event_type": "test_event", "event_data": {"source": "manual_test"}}'
REQUESTS = 150


@pytest.mark.parametrize(
    "header", ["user-agent", "accept-language", "origin", "cookie", "traceparent", "x-forwarded-for"]
)
async def test_long_headers_leave_nothing_behind(header: str) -> None:
    transport = httpx.ASGITransport(build_app(load(Settings, ENVIRON)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

        async def post(number: int) -> None:
            headers = {"content-type": "text/plain", header: f"{number:06d}{'x' * 60_000}"}
            await client.post(VALIDATE, content=EVENT, headers=headers)
            client.cookies.clear()

        await post(0)
        tracemalloc.start()
        try:
            for number in range(1, REQUESTS):
                await post(number)
            gc.collect()  # some versions of Python let garbage wait for longer than this
            taken, _peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # They were 9 MB.
    assert taken < 4_000_000
