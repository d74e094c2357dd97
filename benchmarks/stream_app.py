"""The stream app against the same counts written as plain Faust tables, on the same topic of a real broker, in turn.

    footfall bench stream_app

Rates and CPU are measured between the first and the last tenth of the events. The plain one stops earlier: it is slower.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from random import Random

from aiokafka import AIOKafkaProducer

from benchmarks.parts import broker, cpu_seconds, resident_mib
from footfall.local import ports
from footfall.topics import create_missing
from service_kit.kafka import KafkaSettings
from tests.events import encoded, event

EVENTS, PLAIN_EVENTS, USERS, ROUNDS = 300_000, 10_000, 20_000, 3


async def fill(bootstrap: str) -> None:
    """Events as the collector writes them."""
    chance, now = Random(1), time.time_ns() // 1_000_000
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=256_000) as producer:
        for number in range(EVENTS):
            event_type, key = chance.choice(["click", "scroll", "page_view"]), chance.randrange(USERS)
            fields = event(event_type, now, user_key=key.to_bytes(16, "little"), page="/dashboard")
            headers = [("ce_type", event_type.encode()), ("ce_id", fields["event_id"].encode())]
            sent = await producer.send("events", encoded(fields), key=fields["user_key"], headers=headers)
            if number % 5000 == 0:
                await sent


def ours(settings: KafkaSettings) -> tuple[float, float, float]:
    """Events/s, CPU µs an event, MiB."""
    port = ports.choose(0)
    environ = os.environ | {"FOOTFALL_PROBE_PORT": str(port), "FOOTFALL_LOG_LEVEL": "ERROR"}
    environ |= {"FOOTFALL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap}
    worker = subprocess.Popen([sys.executable, "-m", "stream_app"], env=environ, stdout=subprocess.DEVNULL)
    try:
        while (first := _folded(port)) < EVENTS * 0.1:
            time.sleep(0.02)
        started, cpu = time.monotonic(), cpu_seconds(worker.pid)
        while (last := _folded(port)) < EVENTS * 0.9:
            time.sleep(0.02)
        took, used = time.monotonic() - started, cpu_seconds(worker.pid) - cpu
        return (last - first) / took, used / (last - first) * 1e6, resident_mib(worker.pid)
    finally:
        worker.terminate()
        worker.wait()


def plain(bootstrap: str) -> tuple[float, float]:
    """Events/s and CPU µs an event of plain Faust tables."""
    command = [sys.executable, "-m", "benchmarks.plain_faust", bootstrap, "events", str(PLAIN_EVENTS)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    took, used = map(float, ran.stdout.splitlines()[-1].split())
    count = PLAIN_EVENTS * 0.8
    return count / took, used / count * 1e6


def _folded(port: int) -> float:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return 0.0
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("footfall_stream_events_total"))


def main() -> None:
    ratios, rates, costs = [], [], []
    for _ in range(ROUNDS):
        with broker() as bootstrap:
            settings = KafkaSettings(kafka_bootstrap=bootstrap)
            asyncio.run(create_missing(settings))
            asyncio.run(fill(bootstrap))
            rate, cost, memory = ours(settings)
            plain_rate, plain_cost = plain(bootstrap)
        print(
            f"  {rate:,.0f} events/s, {cost:.1f} µs, {memory:.0f} MiB; plain {plain_rate:,.0f}, {plain_cost:.0f} µs"
        )
        ratios.append(rate / plain_rate)
        rates.append(rate)
        costs.append(cost)
    print(
        f"stream app: {statistics.median(rates):,.0f} events/s, {statistics.median(costs):.1f} µs CPU an event, "
        f"{statistics.median(ratios):.1f}x plain Faust tables"
    )


if __name__ == "__main__":
    main()
