"""What viewers of the live page cost a dashboard, and how late the numbers are for each of them.

footfall bench viewers

Two hundred events per second through collector, stream app and dashboard. VIEWERS: how many at most, as many as a dashboard
takes by default. All of them read every message; lag is from the time that a patch was made to when a viewer has it.
"""

import asyncio
import http.client
import multiprocessing
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import median

from benchmarks import http_load, live
from benchmarks.collect import payloads
from benchmarks.parts import broker, cpu_seconds, resident_mib
from dashboard.live.hub import MAX_VIEWERS
from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings

VIEWERS = int(os.environ.get("VIEWERS", str(MAX_VIEWERS)))
RATE, ROUND_SECONDS, WARM_UP_SECONDS = 200, 20.0, 5.0
_AS_OF = re.compile(rb'event: patch\ndata: {"as_of":(\d+)')


class View:
    """What all viewers got: bytes, and the lag of each patch in seconds."""

    def __init__(self) -> None:
        self.bytes, self.lags, self.snapshots = 0, list[float](), 0

    async def follow(self, port: int) -> None:
        """One viewer. It looks for the next message in what it has of the last one, too."""
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(b"GET /dashboard/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
        while read := await reader.read(262_144):
            now = time.time()
            self.bytes += len(read)
            self.snapshots += read.count(b"event: snapshot")
            self.lags += (now - int(found) / 1000 for found in _AS_OF.findall(read))


def _view(port: int, count: int, orders: Connection) -> None:
    async def run() -> None:
        view, loop = View(), asyncio.get_running_loop()
        following = [asyncio.create_task(view.follow(port)) for _ in range(count)]
        while True:
            await loop.run_in_executor(None, orders.recv)
            orders.send((view.bytes, view.lags, view.snapshots, sum(each.done() for each in following)))
            view.bytes, view.lags, view.snapshots = 0, [], 0

    asyncio.run(run())


@contextmanager
def traffic(port: int) -> Iterator[list[int]]:
    """Events at a steady rate until the end, and how many were accepted."""
    requests, ended, accepted = payloads(live.BATCH, fields={}), threading.Event(), [0]

    def send() -> None:
        while not ended.is_set():
            statuses = http_load.run(port, requests, 5.0, RATE / live.BATCH).statuses
            accepted[0] += live.BATCH * statuses[200]

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield accepted
    finally:
        ended.set()
        sending.join()


@contextmanager
def viewers(port: int, count: int) -> Iterator[Connection]:
    """So many viewers, in a process of their own; what asks it."""
    mine, its = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_view, args=(port, count, its), daemon=True)
    process.start()
    try:
        while live.count_viewers(port) != count:
            time.sleep(0.2)
        yield mine
    finally:
        process.terminate()
        process.join()


def measure(pids: dict[str, int], port: int, count: int) -> None:
    """A round with so many viewers."""
    with viewers(port, count) as asked:
        time.sleep(WARM_UP_SECONDS)
        _ask(asked)
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        began, pages = time.monotonic(), []
        while time.monotonic() < began + ROUND_SECONDS:
            started = time.monotonic()
            live.fetch(f"http://localhost:{port}/")
            pages.append(time.monotonic() - started)
            time.sleep(0.5)
        took = time.monotonic() - began
        received, lags, snapshots, ended = _ask(asked)
        cpu = {name: (cpu_seconds(pid) - before[name]) / took for name, pid in pids.items()}
    print(
        f"{count} viewers: dashboard {100 * cpu['dashboard']:.0f} % of a core, {resident_mib(pids['dashboard']):.0f} MiB;"
        f" stream app {100 * cpu['stream_app']:.0f} %, collector {100 * cpu['producer_api']:.0f} %;"
        f" the page p50 {1000 * median(pages):.0f} ms, max {1000 * max(pages):.0f}"
    )
    if lags:
        lags.sort()
        print(
            f"  {received / count / took / 1000:.1f} kB/s each; {len(lags) / count / took:.1f} patches/s each, lag p50"
            f" {1000 * median(lags):.0f} ms, p95 {1000 * lags[int(len(lags) * 0.95)]:.0f}, max {1000 * lags[-1]:.0f};"
            f" {snapshots} had to start over, {ended} were closed",
            flush=True,
        )


def _ask(viewers: Connection) -> tuple[int, list[float], int, int]:
    viewers.send(None)
    answer: tuple[int, list[float], int, int] = viewers.recv()
    return answer


def one_too_many(port: int) -> None:
    """Print the answer to a viewer for whom there is no room."""
    while live.count_viewers(port):
        time.sleep(0.2)
    with viewers(port, MAX_VIEWERS):
        connection = http.client.HTTPConnection("localhost", port, timeout=10)
        connection.request("GET", "/dashboard/stream")
        answer = connection.getresponse()
        print(f"one more: {answer.status}, {answer.read().decode()}")


def main() -> None:
    with broker() as bootstrap:
        prefix = f"bench{os.getpid()}-"
        asyncio.run(create_missing(KafkaSettings(kafka_bootstrap=bootstrap, topic_prefix=prefix)))
        with live.services(bootstrap, prefix) as (pids, listens), traffic(listens["producer_api"]) as accepted:
            time.sleep(WARM_UP_SECONDS)
            started = time.monotonic()
            for count in (0, VIEWERS // 10, VIEWERS // 2, VIEWERS):
                measure(pids, listens["dashboard"], count)
            print(f"{accepted[0] / (time.monotonic() - started):.0f} events/s were accepted")
            one_too_many(listens["dashboard"])
        print(f"load {os.getloadavg()[0]:.0f}")


if __name__ == "__main__":
    main()
