"""What an event costs the collector, step by step, on one core, without HTTP and Kafka.

    footfall bench collect_steps

Prints the CPU time per event of each step in µs, for single events and for batches of 100.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.collect import SESSION_KEY, payloads
from producer_api.intake import body
from producer_api.intake.event_senders import keys_of
from producer_api.intake.pipeline import Pipeline
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import RateLimiter
from producer_api.limits.cluster import ClusterLimits
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request
from producer_api.routes.collect import CollectRoute
from producer_api.senders.authenticate import Authenticator
from producer_api.settings import Settings
from producer_api.storage.records import PublishRequest
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret

SECONDS = 1.5


class NullPublisher:
    """Acknowledges everything and publishes nothing, so that only the collector's own work is measured."""

    is_available = True

    def __init__(self) -> None:
        self.last: PublishRequest | None = None

    async def publish(self, request: PublishRequest) -> list[bool]:
        self.last = request
        return [True] * len(request.records)


def main() -> None:
    settings = Settings(
        kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
        hash_key=Secret("a hash key for benchmarks only"),
        sessions=SessionSettings(session_key=Secret(SESSION_KEY)),
    )
    for events in (1, 100):
        print("single events" if events == 1 else f"batches of {events}")
        for step, seconds in asyncio.run(_steps(settings, events)).items():
            print(f"  {step:<44} {seconds / events * 1e6:6.1f} µs")


async def _steps(settings: Settings, events: int) -> dict[str, float]:
    """CPU seconds of each step for a request of so many events."""
    hasher, publisher = Hasher("a hash key for benchmarks only"), NullPublisher()
    rate_limiter = RateLimiter(
        ClusterLimits(), per_user=10**9, per_ip=10**9, per_backend=10**9, bytes_per_event=4_096
    )
    rejected_events = RejectedEvents(lambda _key, _record: "queued", 0)
    pipeline = Pipeline(settings, hasher, rate_limiter, publisher, rejected_events)
    authenticator = Authenticator(settings, hasher)
    route = CollectRoute(settings, authenticator, pipeline)
    scopes = [(_scope(raw), raw.partition(b"\r\n\r\n")[2]) for raw in payloads(events, users=32, requests=4)[0]]
    scope, content = scopes[0]
    request = Request.of(scope)
    sender = await authenticator.authenticate(request)
    raw_events = body.parse(content, 500).events
    context = pipeline._context(request, sender, keys_of(sender, hasher))
    answer, _admission = await pipeline.collect(request, sender, content)
    assert publisher.last is not None
    records = publisher.last.records

    def append() -> None:
        batch = BatchBuilder(1_000_000, 0)
        for record in records:
            batch.append(key=b"k" * 32, value=record.value, timestamp=None, headers=list(record.headers))

    return {
        "JSON to raw events": _cpu(lambda: body.parse(content, 500)),
        "validate, redact, encode as Avro": _cpu(
            lambda: [pipeline._processor.process(raw, context, None) for raw in raw_events]
        ),
        "headers, session, sender": await _cpu_of(lambda: authenticator.authenticate(Request.of(scope))),
        "all of collect, from the body to the results": await _cpu_of(
            lambda: pipeline.collect(request, sender, content)
        ),
        "answer to JSON": _cpu(lambda: orjson.dumps(answer.body)),
        "all of the route, without server and Kafka": await _cpu_of(lambda: _call(route, scope, content)),
        "into a record batch (aiokafka)": _cpu(append),
    }


def _scope(raw: bytes) -> Any:
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in head[1:])]
    client = ("127.0.0.1", 1)
    return {"type": "http", "method": "POST", "scheme": "http", "client": client, "headers": headers}


async def _call(route: CollectRoute, scope: Any, content: bytes) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(_message: Any) -> None:
        pass

    await route(scope, receive, send)


def _cpu(step: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    calls, started = 0, time.process_time()
    while (spent := time.process_time() - started) < SECONDS:
        for _ in range(10):
            step()
        calls += 10
    return spent / calls


async def _cpu_of(step: Callable[[], Any]) -> float:
    calls, started = 0, time.process_time()
    while (spent := time.process_time() - started) < SECONDS:
        for _ in range(10):
            await step()
        calls += 10
    return spent / calls


if __name__ == "__main__":
    main()
