"""Collectors in their own processes, sessions that they accept, and what they publish."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt

from avro_schemas.wire.codec import decode
from producer_api.request import RESPONSE_HEADERS
from service_kit.kafka.settings import KafkaSettings
from tests.support.topics import read_all
from tests.support.workers import Worker

KEY = "a session key of thirty-two characters"
COLLECT = "/api/analytics/collect"
CLICK = {"event_type": "click", "event_data": {"element": "logo"}}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"

# Starts a collector with these settings; a client for it.
Start = Callable[..., httpx.Client]


def collectors(settings: KafkaSettings, tmp_path: Path) -> Iterator[Start]:
    """A function that starts collectors, which end with the test."""
    started: list[Worker] = []
    clients: list[httpx.Client] = []

    def start_one(*, wait: float = 40, **changes: Any) -> httpx.Client:
        worker = Worker(
            "producer_api",
            tmp_path / f"collector-{len(started)}.log",
            port="PORT",
            kafka_bootstrap=settings.kafka_bootstrap,
            topic_prefix=settings.topic_prefix,
            hash_key="a hash key for tests",
            session_key=KEY,
            host="127.0.0.1",
            **changes,
        )
        started.append(worker)
        worker.start(wait=wait)
        headers, url = {"user-agent": FIREFOX}, f"http://127.0.0.1:{worker.port}"
        hooks = {"response": [has_documented_headers]}
        clients.append(httpx.Client(base_url=url, headers=headers, timeout=10, event_hooks=hooks))
        return clients[-1]

    yield start_one
    for client in clients:
        client.close()
    for worker in started:
        worker.end()


def has_documented_headers(response: httpx.Response) -> None:
    if response.request.method != "GET":
        of_the_server = {"date", "server"}
        assert set(response.headers) <= {name.lower() for name in RESPONSE_HEADERS} | of_the_server


def session(user: str = "ann", **claims: Any) -> dict[str, str]:
    token = jwt.encode({"sub": user, "exp": time.time() + 600} | claims, KEY)
    return {"cookie": f"session={token}"}


async def records(settings: KafkaSettings, topic: str = "events") -> list[tuple[bytes | None, dict[str, Any]]]:
    read = await read_all(settings.kafka_bootstrap, settings.name(topic))
    return [(record.key, decode(record.value)[1]) for record in read]
