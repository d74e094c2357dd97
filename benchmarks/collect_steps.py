"""What an event costs the collector, step by step, on one core without HTTP and Kafka.

    footfall bench collect_steps

Prints CPU µs an event of each step, for single events and for batches of 100.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.collect import SESSION_KEY, payloads
from producer_api.intake import body
from producer_api.intake.pipeline import Collector
from producer_api.intake.rejected import Rejects
from producer_api.limits.admission import Limits
from producer_api.limits.cluster import Verdicts
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request
from producer_api.routes.collect import Endpoint
from producer_api.senders.authenticate import Sender, Senders
from producer_api.settings import Settings
from producer_api.storage.records import Outgoing
from service_kit.kafka import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret

SECONDS = 1.5


class Nowhere:
    """Keeps nothing, at no cost: what is left is the collector's own work."""

    is_open = True

    def __init__(self) -> None:
        self.last: Outgoing | None = None

    async def keep(self, outgoing: Outgoing) -> list[bool]:
        self.last = outgoing
        return [True] * len(outgoing.records)


def main() -> None:
    """Measure each size."""
    settings = Settings(
        kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
        hash_key=Secret("a hash key for benchmarks only"),
        sessions=SessionSettings(session_key=Secret(SESSION_KEY)),
        events_per_minute=10**9,
        events_per_minute_per_address=10**9,
    )
    for events in (1, 100):
        print("single events" if events == 1 else f"batches of {events}")
        for step, seconds in asyncio.run(_steps(settings, events)).items():
            print(f"  {step:<44} {seconds / events * 1e6:6.1f} µs")


async def _steps(settings: Settings, events: int) -> dict[str, float]:
    hasher, storing = Hasher("a hash key for benchmarks only"), Nowhere()
    rejects = Rejects(lambda _key, _record: True, 0)
    collector = Collector(settings, hasher, Limits(settings, Verdicts()), storing, rejects)
    senders = Senders(settings, hasher)
    endpoint = Endpoint(settings, senders, collector)
    scopes = [(_scope(raw), raw.partition(b"\r\n\r\n")[2]) for raw in payloads(events, users=32, requests=4)[0]]
    scope, content = scopes[0]
    request = Request.of(scope)
    sender: Sender = await senders.find(request)
    parsed = body.parse(content)
    work, _single = collector._read(request, sender, content)
    answer, _admission = await collector.collect(request, sender, content)
    assert storing.last is not None
    records = storing.last.records

    def append() -> None:
        batch = BatchBuilder(1_000_000, 0)
        for record in records:
            batch.append(key=b"k" * 16, value=record.value, timestamp=None, headers=list(record.headers))

    return {
        "JSON to values": _cpu(lambda: body.parse(content)),
        "check, reduce, write Avro": _cpu(
            lambda: [collector._intake.accept(raw, work.visit, None) for raw in body.events_of(parsed, 500)[0]]
        ),
        "headers, session, sender": await _cpu_of(lambda: senders.find(Request.of(scope))),
        "all of collect, from the body to the results": await _cpu_of(
            lambda: collector.collect(request, sender, content)
        ),
        "answer to JSON": _cpu(lambda: orjson.dumps(answer.body)),
        "all of the route, without server and Kafka": await _cpu_of(lambda: _call(endpoint, scope, content)),
        "into a record batch (aiokafka)": _cpu(append),
    }


def _scope(raw: bytes) -> Any:
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in head[1:])]
    client = ("127.0.0.1", 1)
    return {"type": "http", "method": "POST", "scheme": "http", "client": client, "headers": headers}


async def _call(endpoint: Endpoint, scope: Any, content: bytes) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(_message: Any) -> None:
        pass

    await endpoint(scope, receive, send)


def _cpu(step: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    calls, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < SECONDS:
        for _ in range(10):
            step()
        calls += 10
    return spent / calls


async def _cpu_of(step: Callable[[], Any]) -> float:
    calls, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < SECONDS:
        for _ in range(10):
            await step()
        calls += 10
    return spent / calls


if __name__ == "__main__":
    main()
