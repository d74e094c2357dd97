"""What requests that are made to be expensive cost the collector, beside good ones of as many bytes on the wire.

    footfall bench hostile_requests

Prints the CPU time per request in ms and the size of the answer, without HTTP and Kafka, on one core. In the last
column a sender repeats the request within its limits for a minute: what it costs in all.
"""

import asyncio
import gzip
import json
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import orjson

from benchmarks.collect import SESSION_KEY
from benchmarks.collect_steps import NullPublisher
from footfall.demo.visitors import Visitor
from producer_api.intake.pipeline import Pipeline
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import RateLimiter
from producer_api.limits.cluster import ClusterLimits
from producer_api.privacy.hashes import Hasher
from producer_api.routes.collect import CollectRoute
from producer_api.senders.authenticate import Authenticator
from producer_api.settings import Settings
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.sessions.signing import sign
from service_kit.settings import Secret

REPEATS = 5
_MIB = 1024 * 1024
_ROOM = 5_000


def _custom(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"event_type": "test_event", "event_data": data}


def _long_text() -> bytes:
    """One text of digits and dashes, which could begin a phone or a card number anywhere."""
    return orjson.dumps(_custom({"source": "5-" * ((_MIB - _ROOM) // 2)}))


def _emails() -> bytes:
    """Eighty events full of addresses, each within the size of an event."""
    text = "pat.o@example.com " * 700
    return orjson.dumps([_custom({"source": text[:12_600]}) for _ in range(80)])


def _near_cards() -> bytes:
    """Events full of what could be the numbers of cards, but for the check digit."""
    texts = {f"text{number}": "4111 1111 1111 1112 " * 9 for number in range(10)}
    return orjson.dumps([_custom(texts)] * 500)


def _unknown_fields() -> bytes:
    """One event with as many unknown fields as fit."""
    return orjson.dumps({f"f{number:x}": 1 for number in range(95_000)})


def _nested() -> bytes:
    """Hundreds of events that are nested deeply."""
    deep = '{"event_type":"test_event","event_data":{"a":' + '{"a":' * 500 + "1" + "}" * 502
    return f"[{','.join([deep] * ((_MIB - _ROOM) // (len(deep) + 1)))}]".encode()


def _broken() -> bytes:
    """A list in which every event holds a number that is out of range and half of a character."""
    event = r'{"event_type":"test_event","event_data":{"source":"\ud83d","n":1e400}}'
    return f"[{','.join([event] * 500)}]".encode()


def _brackets() -> bytes:
    """As many brackets as fit."""
    return b"[" * (_MIB - _ROOM)


ATTACKS: Mapping[str, Callable[[], bytes]] = {
    "one text of 1 MB": _long_text,
    "80 events of e-mail addresses": _emails,
    "500 events of near card numbers": _near_cards,
    "95,000 unknown fields": _unknown_fields,
    "events nested 500 deep": _nested,
    "500 events that are not JSON": _broken,
    "a million brackets": _brackets,
}


def main() -> None:
    print(
        f"{'request':<32} {'gzip':>8} {'bytes':>9} {'CPU ms':>8} {'answer':>9} {'good, same gzip':>16} {'CPU s a minute':>15}"
    )
    for name, make in ATTACKS.items():
        content = make()
        wire = gzip.compress(content)
        seconds, answer = asyncio.run(_cost(wire))
        good, _answer = asyncio.run(_cost(_good(len(wire))))
        minute = asyncio.run(_minute(wire))
        print(
            f"{name:<32} {len(wire):>8,} {len(content):>9,} {seconds * 1e3:>8.2f} {answer:>9,} {good * 1e3:>13.2f} ms"
            f" {minute:>15.2f}"
        )


def _good(wire_bytes: int) -> bytes:
    """Events of a believable visitor, as many as take this many bytes, though no more than a request may hold."""
    visitor, events = Visitor(0, Random(0)), list[Any]()
    while True:
        events.append(visitor.next_event())
        wire = gzip.compress(json.dumps(events).encode())
        if len(wire) >= wire_bytes or len(events) == 500:
            return wire


def _route(per_user: int) -> CollectRoute:
    settings = Settings(
        kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
        hash_key=Secret("a hash key for benchmarks only"),
        sessions=SessionSettings(session_key=Secret(SESSION_KEY)),
    )
    hasher = Hasher("a hash key for benchmarks only")
    limiter = RateLimiter(
        ClusterLimits(),
        per_user=per_user,
        per_ip=10**9,
        per_backend=10**9,
        bytes_per_event=settings.bytes_per_event,
    )
    rejected = RejectedEvents(lambda _key, _record: "queued", settings.max_rejected_per_second)
    pipeline = Pipeline(settings, hasher, limiter, NullPublisher(), rejected)
    return CollectRoute(settings, Authenticator(settings, hasher), pipeline)


async def _cost(wire: bytes) -> tuple[float, int]:
    """CPU seconds of one request, the least of several, and the bytes of its answer."""
    route, spent = _route(10**9), list[float]()
    for _ in range(REPEATS):
        started = time.process_time()
        size = await _call(route, wire)
        spent.append(time.process_time() - started)
    return min(spent), size


async def _minute(wire: bytes) -> float:
    """CPU seconds of a thousand requests of one user with the default limits, within a minute."""
    route, started = _route(100), time.process_time()
    for sent in range(1, 1_001):
        await _call(route, wire)
        spent = time.process_time() - started
        if spent > 6:
            return min(60.0, spent / sent * 1_000)  # a core has no more
    return spent


async def _call(route: CollectRoute, content: bytes) -> int:
    cookie = f"session={sign({'sub': 'user', 'exp': int(time.time()) + 86_400}, SESSION_KEY)}"
    headers = [
        (b"host", b"x"),
        (b"content-type", b"application/json"),
        (b"content-encoding", b"gzip"),
        (b"cookie", cookie.encode()),
    ]
    scope: Any = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "headers": headers,
    }
    size = 0

    async def receive() -> Any:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal size
        size += len(message.get("body", b""))

    await route(scope, receive, send)
    return size


if __name__ == "__main__":
    main()
