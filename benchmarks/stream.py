"""The stream app with all its aggregates, compared with simpler programs that count by user and type.

    footfall bench stream

The others are plain Faust tables, Quix Streams with its state, bare aiokafka without any state, and the stream app with
no more than these counts. All read the same topic. Rates and CPU are measured between the first and the last tenth of
the events; the slower programs get fewer events.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from random import Random

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas import topic
from avro_schemas.record_key import record_key
from avro_schemas.wire.event_reader import KEYS
from benchmarks.parts import broker, cpu_seconds, resident_mib
from footfall.kafka.topics import create_missing
from footfall.local import ports
from service_kit.kafka.settings import KafkaSettings
from tests.support.events import encoded, event

EVENTS, USERS, ROUNDS = 500_000, 20_000, 3
_UV = [str(Path(sys.executable).with_name("uv")), "run", "--no-project", "--with", "quixstreams==3.28.1", "python"]
# Module to run; both read the whole topic.
OURS = {
    "stream app": "stream_app",
    "stream app, two counts": "benchmarks.two_counts",
}
# Program to run, and the number of events it reads.
OTHERS = {
    "plain Faust tables": ([sys.executable, "-m", "benchmarks.plain_faust"], 10_000),
    "Quix Streams": ([*_UV, "-m", "benchmarks.quix_streams"], 60_000),
    "bare aiokafka": ([sys.executable, "-m", "benchmarks.bare_consumer"], 200_000),
}
PAGES = [f"/page/{number}" for number in range(200)]
COUNTRIES = [first + second for first in "ABCDEF" for second in "ABCDEFGHIJ"]
SOURCES = [f"{name}.example" for name in ("search", "news", "shop", "social", "partner", "forum", "mail", "video")]

# Events/s and CPU µs per event in each round; None: it stopped short of the end.
Figures = dict[str, list[tuple[float, float] | None]]


async def fill(bootstrap: str) -> None:
    """Events as the collector writes them."""
    chance, now = Random(1), time.time_ns() // 1_000_000
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=256_000) as producer:
        for number in range(EVENTS):
            event_type, key = chance.choice(["click", "scroll", "page_view"]), chance.randrange(USERS)
            data = {"page": chance.choice(PAGES)} if event_type == "page_view" else {"element": "nav_menu"}
            fields = event(
                event_type,
                now,
                **dict.fromkeys(KEYS, key.to_bytes(16, "little")),
                sent_at=now,
                event_data=data,
                **of_a_browser(chance, data),
            )
            headers = [("ce_type", event_type.encode()), ("ce_id", fields["event_id"].encode())]
            sent = await producer.send(
                "events", encoded(fields), key=record_key(fields["user_key"]), headers=headers
            )
            if number % 5000 == 0:
                await sent


def of_a_browser(chance: Random, data: Mapping[str, str]) -> dict[str, str]:
    """What the head of an event of a browser has; one in four tells of an arrival."""
    common = {"language": "de-DE", "screen": "lg", "release": "2026.1.3", "hostname": "www.example.com"}
    common |= {"country": chance.choice(COUNTRIES), "page": data.get("page", "/"), "route": "/page/:id"}
    if chance.random() < 0.25:
        source = chance.choice(SOURCES)
        common |= {"source": source, "channel": "referral", "utm_campaign": chance.choice(["spring", "summer"])}
    return common


def ours(settings: KafkaSettings, module: str) -> tuple[float, float, float]:
    """Events/s, CPU µs per event and MiB of the stream app."""
    port = ports.choose()
    environ = os.environ | {"FOOTFALL_PROBE_PORT": str(port), "FOOTFALL_LOG_LEVEL": "ERROR"}
    environ |= {"FOOTFALL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap}
    worker = subprocess.Popen([sys.executable, "-m", module], env=environ, stdout=subprocess.DEVNULL)
    try:
        while (first := folded(port)) < EVENTS * 0.1:
            time.sleep(0.02)
        started, cpu = time.monotonic(), cpu_seconds(worker.pid)
        while (last := folded(port)) < EVENTS * 0.9:
            time.sleep(0.02)
        took, used = time.monotonic() - started, cpu_seconds(worker.pid) - cpu
        return (last - first) / took, used / (last - first) * 1e6, resident_mib(worker.pid)
    finally:
        worker.terminate()
        worker.wait()


async def reset(settings: KafkaSettings) -> None:
    """Delete the state, so that the next worker starts at the beginning."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        await admin.delete_topics([topic.STREAM_STATE])
    finally:
        await admin.close()
    await asyncio.sleep(2)  # until the brokers know
    await create_missing(settings)


def other(bootstrap: str, name: str) -> tuple[float, float] | None:
    """Events/s and CPU µs per event of another program; None if it stopped short.

    Plain Faust does so sometimes: it loses what it fetches while its tables recover.
    """
    command, events = OTHERS[name]
    try:
        ran = subprocess.run(
            [*command, bootstrap, "events", str(events)],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )
    except subprocess.TimeoutExpired:
        return None
    if ran.returncode:
        raise RuntimeError(f"{name}: {ran.stderr[-2000:]}")
    took, used = map(float, ran.stdout.splitlines()[-1].split())
    return events * 0.8 / took, used / (events * 0.8) * 1e6


def folded(port: int) -> float:
    """Events folded by the worker with this probe port."""
    return metric(port, "footfall_stream_events_total")


def metric(port: int, name: str) -> float:
    """A metric of a worker, summed over all labels; 0 while the worker does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return 0.0
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def main() -> None:
    figures: Figures = {}
    for _ in range(ROUNDS):
        with broker() as bootstrap:
            settings = KafkaSettings(kafka_bootstrap=bootstrap)
            asyncio.run(create_missing(settings))
            asyncio.run(fill(bootstrap))
            for name, module in OURS.items():
                rate, cost, memory = ours(settings, module)
                figures.setdefault(name, []).append((rate, cost))
                asyncio.run(reset(settings))
            for name in OTHERS:
                figures.setdefault(name, []).append(other(bootstrap, name))
        print("  " + "; ".join(f"{name} {formatted(latest)}" for name, [*_, latest] in figures.items()))
        print(f"  {memory:.0f} MiB", flush=True)
    for name, measured in figures.items():
        pairs = [
            (mine[0], theirs)
            for mine, theirs in zip(figures["stream app"], measured, strict=True)
            if mine and theirs
        ]
        if not pairs:
            print(f"{name}: stopped short each time")
            continue
        ratio = statistics.median(mine / rate for mine, (rate, _) in pairs)
        rate, cost = (statistics.median(column) for column in zip(*(theirs for _, theirs in pairs), strict=True))
        print(f"{name}: {formatted((rate, cost))}; the stream app is {ratio:.1f}x as fast, in {len(pairs)} rounds")


def formatted(figure: tuple[float, float] | None) -> str:
    """A rate and a cost as text."""
    return f"{figure[0]:,.0f} events/s, {figure[1]:.1f} µs CPU per event" if figure else "stopped short"


if __name__ == "__main__":
    main()
