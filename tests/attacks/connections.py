"""Attacks by how bytes arrive: connections that say nothing, half requests, headers without end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from tests.attacks.target import ATTACKER, COLLECT, READER, Outcomes, Target

HEAD = f"POST {COLLECT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HELD_SECONDS = 3
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def idle_and_half_sent(target: Target) -> Outcomes:
    """Two thousand connections that are idle, or stop in the middle of a header or of a body."""
    beginnings = [b"", HEAD[:60].encode(), f"{HEAD}Content-Length: 100\r\n\r\n{{".encode()]
    async with _opened(target, 2_000, [target.port]) as (opened, outcomes):
        for number, (_reader, writer) in enumerate(opened):
            writer.write(beginnings[number % 3])
        await asyncio.sleep(HELD_SECONDS)
    return outcomes


async def half_probes(target: Target) -> Outcomes:
    """Half requests to the probes of the workers."""
    async with _opened(target, 600, target.probes) as (opened, outcomes):
        for _reader, writer in opened:
            writer.write(b"GET /readyz HT")
        await asyncio.sleep(HELD_SECONDS)
    return outcomes


async def event_streams(target: Target) -> Outcomes:
    """Three hundred readers of the live page who never go."""
    ask = b"GET /dashboard/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
    async with _opened(target, 300, [target.port], READER) as (opened, outcomes):
        for _reader, writer in opened:
            writer.write(ask)
        outcomes += await _statuses(opened)
        await asyncio.sleep(HELD_SECONDS)
    return outcomes


async def headers_without_end(target: Target) -> Outcomes:
    """32 MiB in one line of a header, and in many."""
    outcomes = Outcomes()
    for block in (b"x" * 65_536, b"a: " + b"b" * 60 + b"\r\n"):
        reader, writer = await target.connect()
        try:
            writer.write(HEAD.encode() + (b"X-Junk: " if block[:1] == b"x" else b""))
            for _ in range((32 << 20) // len(block)):
                writer.write(block)
                await writer.drain()
                if reader.at_eof() or writer.is_closing():
                    break
            outcomes["not stopped" if not await _status((reader, writer)) else "stopped"] += 1
        except OSError:
            outcomes["stopped"] += 1
        writer.close()
    return outcomes


async def two_hosts(target: Target) -> Outcomes:
    """Requests with two lengths, two hosts or none, and bytes that are not HTTP."""
    lines = [
        *(HEAD + "Host: other\r\nContent-Length: 2\r\n\r\n{}", HEAD.replace("Host: localhost\r\n", "") + "\r\n"),
        *(HEAD + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "\x16\x03\x01\0\0\0\r\n\r\n"),
        HEAD + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ]
    async with _opened(target, len(lines), [target.port]) as (opened, outcomes):
        for (_reader, writer), line in zip(opened, lines, strict=False):
            writer.write(line.encode("latin-1"))
        return outcomes + await _statuses(opened)


@contextlib.asynccontextmanager
async def _opened(
    target: Target, count: int, ports: Sequence[int], address: str = ATTACKER
) -> AsyncIterator[tuple[list[Connection], Outcomes]]:
    """This many connections at once, spread over the ports; those that are refused are outcomes."""
    opened: list[Connection] = []
    outcomes = Outcomes()
    for number in range(count):
        try:
            opened.append(await asyncio.wait_for(target.connect(ports[number % len(ports)], address), 5))
            outcomes["connected"] += 1
        except (OSError, TimeoutError) as error:
            outcomes[type(error).__name__] += 1
    try:
        yield opened, outcomes
    finally:
        for _reader, writer in opened:
            writer.transport.abort()


async def _statuses(opened: Sequence[Connection]) -> Outcomes:
    return Outcomes(await asyncio.gather(*map(_status, opened)))


async def _status(connection: Connection) -> str:
    """The status of an answer, as text; empty if there is none."""
    try:
        line = await asyncio.wait_for(connection[0].readline(), 10)
    except (OSError, TimeoutError):
        return ""
    return line.decode("latin-1").partition(" ")[2][:3]
