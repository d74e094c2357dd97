"""The collector compared with a FastAPI endpoint that only reads the body: same server, alternating runs.

    footfall bench collect

Prints requests/s, CPU µs per event of the server process, the ratio of the pairs of runs, response times at 500
requests/s, and what aiokafka alone needs for records of the same size. Each connection is a user with a session.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from random import Random

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request

from benchmarks import http_load
from benchmarks.parts import broker, cpu_seconds, resident_mib
from footfall.demo.visitors import USER_AGENTS, Visitor
from footfall.kafka.topics import create_missing
from footfall.local import ports
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.signing import sign

SECONDS, ROUNDS, CONNECTIONS = 4.0, 3, 32
PATH = "/api/analytics/collect"
SESSION_KEY = "a session key for benchmarks only"
_OLD = {"timestamp": "2024-01-15T10:30:00Z"}

baseline = FastAPI()


@baseline.post(PATH)
async def read_only(request: Request) -> dict[str, object]:
    """What FastAPI costs if the endpoint does nothing."""
    await request.body()
    return {"success": True}


def _serve_baseline(port: int) -> None:
    uvicorn.run(baseline, host="127.0.0.1", port=port, log_config=None, access_log=False)


def payloads(
    events: int, users: int = CONNECTIONS, requests: int = 50, fields: Mapping[str, str] = _OLD
) -> list[list[bytes]]:
    """Requests of realistic visitors, one list per user, with `events` events per request. `fields` are added to each."""
    return [
        [_request(Visitor(user, Random(user)), events, user, fields) for _ in range(requests)]
        for user in range(users)
    ]


def _request(visitor: Visitor, events: int, user: int, fields: Mapping[str, str]) -> bytes:
    happened = [visitor.next_event() | fields for _ in range(events)]
    body = json.dumps(happened if events > 1 else happened[0]).encode()
    claims = {"sub": f"user-{user}", "sid": f"session-{user}", "exp": int(time.time()) + 86_400}
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"user-agent: {list(USER_AGENTS)[user % len(USER_AGENTS)]}\r\n"
        f"cookie: session={sign(claims, SESSION_KEY)}\r\n\r\n"
    )
    return head.encode() + body


def measure(port: int, pid: int, requests: list[list[bytes]], events: int) -> tuple[float, float]:
    """Requests/s and CPU µs per event of one run."""
    before = cpu_seconds(pid)
    load = http_load.run(port, requests, SECONDS)
    used = cpu_seconds(pid) - before
    assert set(load.statuses) == {200}, load.statuses
    answered = load.statuses[200]
    return answered / SECONDS, used / (answered * events) * 1e6


def main() -> None:
    with broker() as bootstrap:
        cluster = KafkaSettings(kafka_bootstrap=bootstrap, topic_prefix=f"bench{os.getpid()}-")
        asyncio.run(create_missing(cluster))
        ours, theirs = ports.choose(), ports.choose()
        environ = os.environ | {
            "FOOTFALL_KAFKA_BOOTSTRAP": bootstrap,
            "FOOTFALL_TOPIC_PREFIX": cluster.topic_prefix,
            "FOOTFALL_PORT": str(ours),
            "FOOTFALL_HASH_KEY": "a hash key for benchmarks only",
            "FOOTFALL_SESSION_KEY": SESSION_KEY,
            "FOOTFALL_EVENTS_PER_MINUTE": str(10**9),
            "FOOTFALL_EVENTS_PER_MINUTE_PER_ADDRESS": str(10**9),
            "FOOTFALL_LOG_LEVEL": "WARNING",
        }
        collector = subprocess.Popen([sys.executable, "-m", "producer_api"], env=environ)
        baseline_server = multiprocessing.Process(target=_serve_baseline, args=(theirs,))
        baseline_server.start()
        try:
            _wait(ours)
            time.sleep(1)
            _compare(ours, theirs, collector.pid, baseline_server.pid or 0)
            _response_times(ours)
            asyncio.run(_bare_client(cluster))
        finally:
            collector.terminate()
            collector.wait()
            baseline_server.terminate()
            baseline_server.join()


def _compare(ours: int, theirs: int, our_pid: int, their_pid: int) -> None:
    for name, events in (("single events", 1), ("batches of 100", 100)):
        requests = payloads(events)
        ratios, rates, costs = [], [], []
        for _ in range(ROUNDS):
            base, base_cost = measure(theirs, their_pid, requests, events)
            rate, cost = measure(ours, our_pid, requests, events)
            ratios.append(rate / base)
            rates.append(rate)
            costs.append(cost)
            print(f"  {rate:,.0f} requests/s, {cost:.1f} µs; body-only {base:,.0f}, {base_cost:.1f} µs")
        print(
            f"{name}: {statistics.median(rates) * events:,.0f} events/s, {statistics.median(costs):.1f} µs CPU per "
            f"event, {statistics.median(ratios):.2f}x of body-only, {resident_mib(our_pid):.0f} MiB"
        )


def _response_times(port: int) -> None:
    load = http_load.run(port, payloads(1), SECONDS, rate=500)
    print(f"at 500 requests/s: p50 {load.quantile(0.5):.1f} ms, p99 {load.quantile(0.99):.1f} ms")


async def _bare_client(cluster: KafkaSettings) -> None:
    """aiokafka alone, with records of the same size: one `send` per event, and one batch per hundred."""
    producer = AIOKafkaProducer(**cluster.client_options(), acks="all", enable_idempotence=True)
    await producer.start()
    topic, value, keys = cluster.name("events"), os.urandom(150), [os.urandom(16) for _ in range(CONNECTIONS)]

    async def singles(key: bytes, until: float) -> int:
        sent = 0
        while time.monotonic() < until:
            await (await producer.send(topic, value, key))
            sent += 1
        return sent

    async def batches(number: int, until: float) -> int:
        sent = 0
        while time.monotonic() < until:
            batch = producer.create_batch()
            for _ in range(100):
                batch.append(key=keys[number], value=value, timestamp=None)
            await (await producer.send_batch(batch, topic, partition=number % 12))
            sent += 100
        return sent

    for name, work in (("send", [singles] * CONNECTIONS), ("send_batch of 100", [batches] * CONNECTIONS)):
        before, until = time.process_time(), time.monotonic() + SECONDS
        runs = (job(keys[n] if job is singles else n, until) for n, job in enumerate(work))  # type: ignore[operator]
        sent = sum(await asyncio.gather(*runs))
        cost = (time.process_time() - before) / sent * 1e6
        print(f"aiokafka alone, {name}: {sent / SECONDS:,.0f} events/s, {cost:.1f} µs CPU per event")
    await producer.stop()


def _wait(port: int) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)


if __name__ == "__main__":
    main()
