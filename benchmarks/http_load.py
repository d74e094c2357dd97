"""Load over a few connections, each of which sends its next request after the response to the last."""

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop


@dataclass(slots=True)
class Load:
    """How often each status was answered, and how long each response took, in seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """The response time that this share of the requests stayed below, in milliseconds."""
        ordered = sorted(self.waits)
        return ordered[int(share * (len(ordered) - 1))] * 1000


class _Connection(asyncio.Protocol):
    """Sends its payloads one after another, `pause` seconds apart; with 0, right after each response."""

    def __init__(self, payloads: Sequence[bytes], until: float, pause: float, load: Load) -> None:
        self._payloads, self._until, self._pause, self._load = payloads, until, pause, load
        self._sent = 0
        self._due = time.monotonic()
        self._received = bytearray()
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._received[:head_end]).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(self._received) < head_end + 4 + length:
            return
        self._received.clear()
        self._load.statuses[int(head[9:12])] += 1
        self._load.waits.append(time.monotonic() - self._due)
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _next(self) -> None:
        self._due = max(time.monotonic(), self._due + self._pause) if self._pause else time.monotonic()
        if self._due >= self._until:
            self._transport.close()
        elif self._pause:
            asyncio.get_running_loop().call_at(self._due, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._transport.write(self._payloads[self._sent % len(self._payloads)])  # type: ignore[attr-defined] # a socket
        self._sent += 1


def run(port: int, payloads: Sequence[Sequence[bytes]], seconds: float, rate: float | None = None) -> Load:
    """Load from a separate process, one connection per list of payloads; `rate` in requests/s, or as fast as possible."""
    results: multiprocessing.Queue[Load] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_work, args=(port, payloads, seconds, rate, results))
    process.start()
    load = results.get()
    process.join()
    return load


def _work(
    port: int,
    payloads: Sequence[Sequence[bytes]],
    seconds: float,
    rate: float | None,
    results: "multiprocessing.Queue[Load]",
) -> None:
    async def connect() -> Load:
        load, until = Load(), time.monotonic() + seconds
        pause = len(payloads) / rate if rate else 0.0
        loop = asyncio.get_running_loop()
        connections = []
        for own in payloads:
            _transport, connection = await loop.create_connection(
                lambda own=own: _Connection(own, until, pause, load),  # type: ignore[misc] # a default binds
                "127.0.0.1",
                port,
            )
            connections.append(connection)
            if rate:
                await asyncio.sleep(1 / rate)
        await asyncio.gather(*(connection.ended for connection in connections))
        return load

    results.put(uvloop.run(connect()))
