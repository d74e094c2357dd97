"""How soon a posted event is on the page in a real Chromium, and what fifty viewers cost.

    footfall bench live

Collector, stream app and dashboard run as processes of their own, at a thousand events per second.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from benchmarks import http_load
from benchmarks.collect import PATH, SESSION_KEY, payloads
from benchmarks.parts import broker, cpu_seconds, resident_mib
from footfall.kafka.topics import create_missing
from footfall.local import ports
from service_kit.kafka.settings import KafkaSettings
from tests.support.browsers import SWITCHES, program

RATE, BATCH = 1000, 10
VIEWERS, ROUNDS, ROUND_SECONDS = 50, 3, 10.0
POSTS, PATCHES = 60, 40
_WARM_UP_SECONDS = 5.0
# Records when the page first shows each count of the posted type, by the clock of the machine.
_OBSERVE = """() => {
  window.seen = {};
  const look = () => {
    for (const row of document.querySelectorAll("[data-panel=custom_events] tbody tr"))
      if (row.textContent.startsWith("test_event")) window.seen[row.cells[1].textContent] ??= Date.now();
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


@contextmanager
def services(bootstrap: str, prefix: str) -> Iterator[tuple[dict[str, int], dict[str, int]]]:
    """Process ids and ports by the name of the service. All processes are terminated in the end."""
    names = ("producer_api", "stream_app", "dashboard")
    listens = {name: ports.choose() for name in names}
    environ = {
        "FOOTFALL_KAFKA_BOOTSTRAP": bootstrap,
        "FOOTFALL_TOPIC_PREFIX": prefix,
        "FOOTFALL_HASH_KEY": "a hash key for benchmarks only",
        "FOOTFALL_SESSION_KEY": SESSION_KEY,
        "FOOTFALL_TRUST_LOOPBACK": "true",
        "FOOTFALL_EVENTS_PER_MINUTE": str(10**9),
        "FOOTFALL_EVENTS_PER_MINUTE_PER_ADDRESS": str(10**9),
        "FOOTFALL_LOG_LEVEL": "ERROR",
    }
    running = {name: _start(name, environ, port) for name, port in listens.items()}
    try:
        for port in listens.values():
            _wait(f"http://localhost:{port}/readyz")
        yield {name: process.pid for name, process in running.items()}, listens
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


@contextmanager
def traffic(port: int) -> Iterator[None]:
    """A thousand events per second, until the end."""
    requests, ended = payloads(BATCH, fields={}), threading.Event()

    def send() -> None:
        while not ended.is_set():
            load = http_load.run(port, requests, 10.0, RATE / BATCH)
            assert set(load.statuses) == {200}, load.statuses

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield
    finally:
        ended.set()
        sending.join()


def _start(name: str, environ: Mapping[str, str], port: int) -> subprocess.Popen[bytes]:
    variable = "FOOTFALL_PROBE_PORT" if name == "stream_app" else "FOOTFALL_PORT"
    own = {**os.environ, **environ, variable: str(port)}
    return subprocess.Popen([sys.executable, "-m", name], env=own, stdout=subprocess.DEVNULL)


def _wait(url: str) -> None:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)


@contextmanager
def viewers(port: int, count: int) -> Iterator[None]:
    """So many viewers read the event stream, in a process of their own."""
    reading = multiprocessing.Process(target=_view, args=(port, count))
    reading.start()
    try:
        while count_viewers(port) != count:
            time.sleep(0.2)
        yield
    finally:
        reading.terminate()
        reading.join()


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def count_viewers(port: int) -> int:
    """How many streams of the live page are open."""
    lines = fetch(f"http://localhost:{port}/metrics").splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("footfall_dashboard_viewers "))


def _view(port: int, count: int) -> None:
    async def follow() -> None:
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(b"GET /dashboard/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
        while await reader.read(65_536):
            pass

    async def follow_all() -> None:
        await asyncio.gather(*(follow() for _ in range(count)))

    asyncio.run(follow_all())


def cost(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU that each service uses in a round, in per cent of a core."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(ROUND_SECONDS)
    return {name: 100 * (cpu_seconds(pid) - before[name]) / ROUND_SECONDS for name, pid in pids.items()}


def compare_viewers(pids: Mapping[str, int], port: int) -> None:
    """Alternate rounds without viewers and with them, and print the CPU of each service."""
    used: dict[int, list[dict[str, float]]] = {0: [], VIEWERS: []}
    for _ in range(ROUNDS):
        for count, rounds in used.items():
            with viewers(port, count):
                rounds.append(cost(pids))
    for name in pids:
        without, with_them = ([round_[name] for round_ in used[count]] for count in used)
        print(
            f"{name}: {statistics.median(without):.1f} % of a core without viewers "
            f"({min(without):.1f} to {max(without):.1f}), {statistics.median(with_them):.1f} % with {VIEWERS} "
            f"({min(with_them):.1f} to {max(with_them):.1f}); {resident_mib(pids[name]):.0f} MiB"
        )


def measure_patches(port: int) -> None:
    """Print how large a patch is."""
    sizes: list[int] = []
    with urllib.request.urlopen(f"http://localhost:{port}/dashboard/stream", timeout=20) as stream:
        name = ""
        while len(sizes) < PATCHES:
            line = stream.readline().decode()
            name = line.removeprefix("event: ").strip() if line.startswith("event: ") else name
            if name == "patch" and line.startswith("data: "):
                sizes.append(len(line))
    print(f"patch: {statistics.median(sizes):.0f} bytes, the largest of {PATCHES} {max(sizes):,}")


def seen_after(page: Page, collector: int) -> list[float]:
    """Seconds from each post to its count on the page."""
    posted, waits = 0, []
    body = json.dumps({"event_type": "test_event", "event_data": {"source": "benchmark"}}).encode()
    for _ in range(POSTS):
        request = urllib.request.Request(
            f"http://localhost:{collector}{PATH}", data=body, headers={"content-type": "application/json"}
        )
        sent = time.time()
        with urllib.request.urlopen(request, timeout=10):
            posted += 1
        page.wait_for_function("count => window.seen[count]", arg=str(posted), timeout=20_000)
        waits.append(page.evaluate("count => window.seen[count]", str(posted)) / 1000 - sent)
        time.sleep(0.137)  # no multiple of the interval of patches
    return waits


def compare_times(collector: int, dashboard: int) -> None:
    """Print how soon an event is on the page."""
    with sync_playwright() as playwright:
        # The same browser as the tests use.
        found = program(playwright)  # type: ignore[arg-type] # the sync and async APIs name the same programs
        browser = playwright.chromium.launch(executable_path=found, args=[*SWITCHES, "--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://localhost:{dashboard}/")
        page.wait_for_selector("#state[data-state=live]")
        page.evaluate(_OBSERVE)
        waits = sorted(seen_after(page, collector))
        browser.close()
    p95 = waits[int(len(waits) * 0.95) - 1]
    print(
        f"post to page at {RATE} events/s: p50 {statistics.median(waits) * 1000:.0f} ms, "
        f"p95 {p95 * 1000:.0f} ms, maximum {waits[-1] * 1000:.0f} ms"
    )


def main() -> None:
    with broker() as bootstrap:
        prefix = f"bench{os.getpid()}-"
        asyncio.run(create_missing(KafkaSettings(kafka_bootstrap=bootstrap, topic_prefix=prefix)))
        with services(bootstrap, prefix) as (pids, listens), traffic(listens["producer_api"]):
            time.sleep(_WARM_UP_SECONDS)
            measure_patches(listens["dashboard"])
            compare_times(listens["producer_api"], listens["dashboard"])
            compare_viewers(pids, listens["dashboard"])


if __name__ == "__main__":
    main()
