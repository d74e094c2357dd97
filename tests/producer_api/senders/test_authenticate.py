"""Known senders are cached, in bounded memory."""

import tracemalloc

from producer_api.privacy.hashes import Hasher
from producer_api.request import Request
from producer_api.senders.authenticate import Authenticator
from producer_api.settings import Settings
from service_kit.settings import load
from tests.support.session_tokens import SECRET, token

ENVIRON = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_SESSION_KEY": SECRET,
}


async def test_a_cached_sender_takes_no_more_memory_for_long_headers() -> None:
    authenticator = Authenticator(load(Settings, ENVIRON), Hasher("a hash key"))
    session = token()
    tracemalloc.start()
    try:
        for number in range(300):
            cookie = f"session={session}; junk={number}{'x' * 60_000}".encode()
            sender = await authenticator.authenticate(Request({b"cookie": cookie}, "203.0.113.7", is_secure=True))
            assert sender.user_id == "ann"
        taken, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The headers of these requests were 18 MB.
    assert taken < 2_000_000


async def test_an_absent_header_is_not_an_empty_one() -> None:
    authenticator = Authenticator(load(Settings, ENVIRON), Hasher("a hash key"))
    cookie = f"session={token()}".encode()
    for headers in ({}, {b"sec-fetch-site": b"none"}, {b"host": b"shop.example"}):
        await authenticator.authenticate(Request({b"cookie": cookie} | headers, "203.0.113.7", is_secure=True))
    assert len(authenticator._cache) == 3
