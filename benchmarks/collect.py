"""The collector against a FastAPI endpoint that only reads the body, on the same server, in turn.

    python -m benchmarks.collect

Prints requests/s, CPU µs an event of the server process, and the ratio of each pair of runs.
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

import uvicorn
from fastapi import FastAPI, Request

from benchmarks.parts import broker, cpu_seconds, resident_mib
from footfall.local import ports
from footfall.topics import create_missing
from service_kit.kafka import KafkaSettings

SECONDS, ROUNDS, CONNECTIONS = 4.0, 3, 32
EVENT = {
    "event_type": "page_view",
    "event_data": {"page": "/dashboard", "referrer": "/login", "title": "Dashboard"},
    "timestamp": "2024-01-15T10:30:00Z",
}
PATH = "/api/analytics/collect"

baseline = FastAPI()


@baseline.post(PATH)
async def read_only(request: Request) -> dict[str, object]:
    """What FastAPI costs when nothing is done."""
    await request.body()
    return {"success": True}


def _serve_baseline(port: int) -> None:
    uvicorn.run(baseline, host="127.0.0.1", port=port, log_config=None, access_log=False)


async def _client(port: int, payload: bytes, until: float, statuses: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        writer.write(payload)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        statuses.append(int(head[9:12]))
    writer.close()


def _load(port: int, body: bytes, results: "multiprocessing.Queue[list[int]]") -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )

    async def run() -> list[int]:
        statuses: list[int] = []
        until = time.monotonic() + SECONDS
        payload = head.encode() + body
        await asyncio.gather(*(_client(port, payload, until, statuses) for _ in range(CONNECTIONS)))
        return statuses

    results.put(asyncio.run(run()))


def measure(port: int, pid: int, body: bytes, events: int) -> tuple[float, float]:
    """Requests/s and CPU µs an event of one run."""
    results: multiprocessing.Queue[list[int]] = multiprocessing.Queue()
    loader = multiprocessing.Process(target=_load, args=(port, body, results))
    before, started = cpu_seconds(pid), time.monotonic()
    loader.start()
    statuses = results.get()
    loader.join()
    took, used = time.monotonic() - started, cpu_seconds(pid) - before
    assert set(statuses) == {200}, {status: statuses.count(status) for status in set(statuses)}
    return len(statuses) / took, used / (len(statuses) * events) * 1e6


def main() -> None:
    with broker() as bootstrap:
        asyncio.run(create_missing(KafkaSettings(kafka_bootstrap=bootstrap)))
        ours, theirs = ports.choose(0), ports.choose(0)
        environ = os.environ | {
            "FOOTFALL_KAFKA_BOOTSTRAP": bootstrap,
            "FOOTFALL_PORT": str(ours),
            "FOOTFALL_HASH_KEY": "benchmark-hash-key",
            "FOOTFALL_SESSION_KEY": "benchmark-session-key",
            "FOOTFALL_TRUST_LOOPBACK": "true",
            "FOOTFALL_EVENTS_PER_MINUTE_PER_ADDRESS": str(10**9),
        }
        collector = subprocess.Popen([sys.executable, "-m", "producer_api"], env=environ)
        nothing = multiprocessing.Process(target=_serve_baseline, args=(theirs,))
        nothing.start()
        try:
            _wait(ours)
            time.sleep(1)
            _compare(ours, theirs, collector.pid, nothing.pid or 0)
        finally:
            collector.terminate()
            collector.wait()
            nothing.terminate()
            nothing.join()


def _compare(ours: int, theirs: int, our_pid: int, their_pid: int) -> None:
    for name, events in (("single events", 1), ("batches of 100", 100)):
        body = json.dumps(EVENT if events == 1 else [EVENT] * events).encode()
        ratios, rates, costs = [], [], []
        for _ in range(ROUNDS):
            base, base_cost = measure(theirs, their_pid, body, events)
            rate, cost = measure(ours, our_pid, body, events)
            ratios.append(rate / base)
            rates.append(rate)
            costs.append(cost)
            print(f"  {rate:,.0f} requests/s, {cost:.1f} µs; body-only {base:,.0f}, {base_cost:.1f} µs")
        print(
            f"{name}: {statistics.median(rates) * events:,.0f} events/s, {statistics.median(costs):.1f} µs CPU an "
            f"event, {statistics.median(ratios):.2f}x of body-only, {resident_mib(our_pid):.0f} MiB"
        )


def _wait(port: int) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)


if __name__ == "__main__":
    main()
