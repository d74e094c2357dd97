"""What heavy questions of some readers cost others: how long landing takes, and how long another reader waits for a page.

footfall bench readers

A dashboard in a process of its own, with column files of sixty days; a sink's transactions land a thousand events per second.
Rounds in turns: nobody asks; one reader opens light pages; the same while others ask heavy questions without a pause. Twice;
READERS_AGAINST: another checkout, whose dashboard takes turns with this one.
READERS_EVENTS: events that are there before, a million by default. READERS_HEAVY: how many ask heavy questions, four.
"""

import asyncio
import http.client
import itertools
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

import psutil

from benchmarks import history, sink
from dashboard.columns.service import Columns
from dashboard.history.service import LAYOUT
from dashboard.history.visits import VISIT_LAYOUT
from dashboard.sql import Database
from footfall.local import ports
from sinks.landing.rows import decode_batch
from sinks.postgres.store import PostgresStore
from tests.support.database import at

EVENTS = int(os.environ.get("READERS_EVENTS", "1000000"))
HEAVY = int(os.environ.get("READERS_HEAVY", "4"))
CHECKOUT = Path(__file__).parents[1]
AGAINST = Path(os.environ["READERS_AGAINST"]) if "READERS_AGAINST" in os.environ else None
ROUNDS, ROUND_SECONDS = 2, float(os.environ.get("READERS_SECONDS", "20"))
# A transaction of so many rows, twice a second.
ROWS_PER_BATCH, BATCHES_PER_SECOND = 500, 2
# Each of these is another question whenever it is asked: see `_unseen`.
QUESTIONS = (
    {"range": "90d", "device": "mobile", "compare": "1"},
    {"range": "90d", "release": "2026.11.2"},
    {"range": "90d", "page": "/pricing", "country": "US"},
    {"range": "30d", "channel": "search", "compare": "1"},
)
LIGHT = {
    "the live page": "/",
    "24 hours": "/dashboard/history.json?range=24h",
    "24 hours, a page": "/dashboard/history.json?range=24h&page=/pricing",
}
_HEAVY_TIMEOUT = 300.0
_numbers = itertools.count()


def _unseen(params: dict[str, str]) -> str:
    """The path of a question that is in no cache: without a page that nobody saw."""
    return f"/dashboard/history.json?{urlencode(params)}&hostname={quote('!')}nowhere-{next(_numbers)}.example"


def get(port: int, path: str) -> float:
    """How long an answer takes. It has to be one."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("localhost", port, timeout=_HEAVY_TIMEOUT)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, (answer.status, path, body[:300])
    return time.perf_counter() - started


def land(dsn: str, results: Connection) -> None:
    """Land at a steady rate, in a process of its own; send when each transaction began and how long it took."""
    store = PostgresStore(at(dsn), cluster_id="benchmark", topic="events", owner="benchmark")
    store.prepare()
    position = store.claim({0: 0})[0]
    began = time.monotonic()
    for number in itertools.count():
        batch = decode_batch({0: sink.records(number, ROWS_PER_BATCH)}, {0: 0})
        batch.ranges[0].start, batch.ranges[0].next = position, position + ROWS_PER_BATCH
        position += ROWS_PER_BATCH
        time.sleep(max(0.0, began + number / BATCHES_PER_SECOND - time.monotonic()))
        started = time.monotonic()
        store.write(batch)
        results.send((started, time.monotonic() - started))


@contextmanager
def landing(dsn: str) -> Iterator[list[tuple[float, float]]]:
    """Start and length of the transactions of a process that lands."""
    found: list[tuple[float, float]] = []
    mine, its = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=land, args=(dsn, its), daemon=True)
    process.start()
    its.close()

    def receive() -> None:
        while True:
            try:
                found.append(mine.recv())
            except EOFError:
                return

    threading.Thread(target=receive, daemon=True).start()
    try:
        while not found:
            assert process.is_alive(), "landing ended"
            time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.join()


@contextmanager
def dashboard(dsn: str, folder: Path, checkout: Path) -> Iterator[tuple[int, int]]:
    """Process id and port of a dashboard. It has no Kafka, which only the numbers of the live page need."""
    port = ports.choose()
    settings = {
        "POSTGRES_DSN": dsn,
        "COLUMNS_URL": folder.as_uri(),
        "KAFKA_BOOTSTRAP": f"localhost:{ports.choose()}",
        "PORT": str(port),
        "TRUST_LOOPBACK": "true",
        "LOG_LEVEL": "ERROR",
    }
    environ = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        **{f"FOOTFALL_{name}": value for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard"],
        cwd=checkout,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            assert process.poll() is None, "the dashboard ended"
            try:
                get(port, "/healthz")
                break
            except OSError:
                time.sleep(0.2)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(60)


def make_files(dsn: str, folder: Path) -> None:
    """Make all column files at once, as a dashboard does that somebody waits for."""
    columns = Columns(folder, Database(at(dsn)), LAYOUT, VISIT_LAYOUT, retention_days=90)
    columns._wake.set()
    asyncio.run(columns.build_round())
    columns.close()


class Round:
    """What was measured while some asked: seconds by what they are of."""

    def __init__(self) -> None:
        self.landing: list[float] = []
        self.pages: dict[str, list[float]] = defaultdict(list)
        self.heavy: list[float] = []
        self.cpu: list[float] = []

    def add(self, other: "Round") -> None:
        self.landing += other.landing
        self.heavy += other.heavy
        self.cpu += other.cpu
        for name, seconds in other.pages.items():
            self.pages[name] += seconds


def _looping(work: Callable[[], None], until: float) -> threading.Thread:
    def run() -> None:
        while time.monotonic() < until:
            work()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def ask(landed: Sequence[tuple[float, float]], pid: int, port: int, *, light: bool, heavy: int) -> Round:
    """One round."""
    found, process = Round(), psutil.Process(pid)
    began, cpu = time.monotonic(), sum(process.cpu_times()[:2])
    until = began + ROUND_SECONDS

    def open_pages() -> None:
        for name, path in LIGHT.items():
            found.pages[name].append(get(port, path))
            time.sleep(0.3)

    def ask_heavily(number: int) -> None:
        found.heavy.append(get(port, _unseen(QUESTIONS[number % len(QUESTIONS)])))

    threads = [_looping(lambda number=number: ask_heavily(number), until) for number in range(heavy)]  # type: ignore[misc]
    if light:
        threads.append(_looping(open_pages, until))
    time.sleep(ROUND_SECONDS)
    found.landing = [seconds for started, seconds in landed if began <= started < until]
    found.cpu.append((sum(process.cpu_times()[:2]) - cpu) / (time.monotonic() - began))
    for thread in threads:
        thread.join()
    return found


def shown(seconds: Sequence[float]) -> str:
    """Median, 95th percentile and maximum, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return "-"
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"p50 {1000 * median(ordered):6.0f} ms, p95 {1000 * p95:6.0f}, max {1000 * ordered[-1]:6.0f} ({len(ordered)})"


def measure(dsn: str, folder: Path, checkout: Path) -> None:
    """Print what a dashboard with the code of a checkout does."""
    kinds = {"nobody asks": (False, 0), "one light reader": (True, 0), f"and {HEAVY} heavy ones": (True, HEAVY)}
    found = {name: Round() for name in kinds}
    with dashboard(dsn, folder, checkout) as (pid, port):
        with landing(dsn) as landed:
            for path in LIGHT.values():
                get(port, path)
            for _ in range(ROUNDS):
                for name, (light, heavy) in kinds.items():
                    found[name].add(ask(landed, pid, port, light=light, heavy=heavy))
        memory = peak_mib(pid)
    print(f"{checkout}: at most {memory:.0f} MiB; load {os.getloadavg()[0]:.0f}")
    for name, of_kind in found.items():
        print(f"{name}: the dashboard uses {100 * median(of_kind.cpu):.0f} % of a core")
        print(f"  a transaction of {ROWS_PER_BATCH} rows: {shown(of_kind.landing)}")
        for page, seconds in of_kind.pages.items():
            print(f"  {page}: {shown(seconds)}")
        print(f"  a heavy question: {shown(of_kind.heavy)}")


def peak_mib(pid: int) -> float:
    """The most memory that a process had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def main() -> None:
    with history.landed(EVENTS) as (dsn, folder, _connection):
        make_files(dsn, folder / "columns")
        for checkout in AGAINST, CHECKOUT, AGAINST, CHECKOUT:
            if checkout:
                measure(dsn, folder / "columns", checkout)


if __name__ == "__main__":
    main()
