"""Keeps events on the disk while Kafka is away, and brings them there afterwards: in order, with the same ids.

While anything waits in the spool, new events go behind it; the last of them go straight to Kafka again.
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from producer_api import metrics
from producer_api.storage.frames import Frame, pack
from producer_api.storage.records import Outgoing, Storing
from producer_api.storage.segments import Position, Segments

log = logging.getLogger(__name__)

# After a failed write requests are refused for so long before the disk is tried again.
PAUSE_SECONDS = 1.0
_RETRY_SECONDS = 0.2
# With so little left to replay, new events wait for it instead of going to the disk.
_NEARLY_EMPTY_BYTES = 512 * 1024


class Spool:
    """Stands in front of a publisher: what that cannot keep now is kept on the disk."""

    def __init__(self, folder: Path, max_bytes: int, publisher: Storing) -> None:
        """Open the folder. Raise SpoolInUse, or OSError where it cannot be written."""
        self._publisher, self._max_bytes = publisher, max_bytes
        self._segments = Segments(folder)
        self._waiting: list[tuple[Outgoing, asyncio.Future[bool]]] = []
        self._wake = asyncio.Event()
        # Held while files are written, and while the last frames are replayed: nothing may come between.
        self._turn = asyncio.Lock()
        self._is_direct = not self._segments.waiting_bytes
        self._refused_until = 0.0
        self._events, self._oldest = 0, 0
        self._disk = ThreadPoolExecutor(1, "spool")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to replay what an earlier run left."""
        metrics.SPOOL_MAX_BYTES.set(self._max_bytes)
        metrics.SPOOL_BYTES.set_function(lambda: self._segments.disk_bytes)
        metrics.SPOOL_EVENTS.set_function(lambda: self._events)
        metrics.SPOOL_AGE_SECONDS.set_function(self._age)
        await self._count_left_over()
        self._tasks = [asyncio.create_task(self._keep_writing()), asyncio.create_task(self._keep_replaying())]

    async def stop(self) -> None:
        """Write what waits and let go of the folder; what is not replayed is at the next start."""
        while self._waiting:
            await self._write_waiting()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._disk.shutdown()
        self._segments.close()

    @property
    def is_open(self) -> bool:
        """Whether Kafka or the disk takes events now."""
        has_room = self._segments.disk_bytes < self._max_bytes and time.monotonic() >= self._refused_until
        return has_room or (self._is_direct and self._publisher.is_open)

    async def keep(self, outgoing: Outgoing) -> list[bool]:
        """Whether each record is in Kafka or on the disk."""
        if not self._is_direct or not self._publisher.is_open:
            return [await self._keep_on_disk(outgoing)] * len(outgoing.records)
        durable = await self._publisher.keep(outgoing)
        if all(durable):
            return durable
        left = [record for record, kept in zip(outgoing.records, durable, strict=True) if not kept]
        spooled = await self._keep_on_disk(Outgoing(outgoing.key, left, outgoing.late))
        return [kept or spooled for kept in durable]

    async def _keep_on_disk(self, outgoing: Outgoing) -> bool:
        self._is_direct = False
        settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((outgoing, settled))
        self._wake.set()
        return await settled

    async def _keep_writing(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with self._turn:
                await self._write_waiting()

    async def _write_waiting(self) -> None:
        """One write and one fsync for all requests that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        now = time.time_ns() // 1_000_000
        frames = b"".join([pack(outgoing, now) for outgoing, _settled in waiting])
        written = await self._write(frames)
        for outgoing, settled in waiting:
            if written:
                self._events += len(outgoing.records)
                metrics.SPOOLED_EVENTS.inc(len(outgoing.records))
            if not settled.done():
                settled.set_result(written)
        self._oldest = self._oldest or now

    async def _write(self, frames: bytes) -> bool:
        if self._segments.disk_bytes + len(frames) > self._max_bytes:
            metrics.SPOOL_ERRORS.labels("full").inc()
            return False
        try:
            await self._in_thread(partial(self._segments.append, frames))
        except OSError as error:
            metrics.SPOOL_ERRORS.labels("write").inc()
            self._refused_until = time.monotonic() + PAUSE_SECONDS
            log.error("the spool cannot be written", extra={"error": str(error)})  # noqa: TRY400 # the error says it
            return False
        return True

    async def _keep_replaying(self) -> None:
        while True:
            if self._is_direct or not self._publisher.is_open or not await self._replay_some():
                await asyncio.sleep(_RETRY_SECONDS)

    async def _replay_some(self) -> bool:
        """Bring the next frames to Kafka; whether that went well."""
        if self._segments.waiting_bytes > _NEARLY_EMPTY_BYTES:
            return await self._replay_chunk()
        async with self._turn:
            while self._segments.waiting_bytes:
                if not await self._replay_chunk():
                    return False
            await self._in_thread(self._segments.roll)
            self._go_direct()
        return True

    def _go_direct(self) -> None:
        """All that was written is in Kafka: what waits to be written may follow it there."""
        waiting, self._waiting = self._waiting, []
        self._is_direct, self._oldest, self._events = True, 0, 0
        for outgoing, settled in waiting:
            task = asyncio.ensure_future(self.keep(outgoing))
            task.add_done_callback(partial(_hand_on, settled))

    async def _replay_chunk(self) -> bool:
        frames: list[Frame] = await self._in_thread(self._segments.read)
        if not frames:
            return True
        self._oldest = frames[0].written_at
        # Handed over in order, before any of them is waited for.
        sent = [asyncio.ensure_future(self._publisher.keep(frame.outgoing)) for frame in frames]
        kept = await asyncio.gather(*sent)
        if not all(all(durable) for durable in kept):
            return False
        position = Position(self._segments.replayed.segment, frames[-1].end)
        await self._in_thread(partial(self._segments.mark_replayed, position))
        count = sum(len(frame.outgoing.records) for frame in frames)
        self._events = max(0, self._events - count)
        metrics.REPLAYED_EVENTS.inc(count)
        return True

    async def _count_left_over(self) -> None:
        """How many events an earlier run left: only for the metric, so only the first chunk is looked at."""
        frames: list[Frame] = await self._in_thread(self._segments.read)
        if frames:
            share = self._segments.disk_bytes / max(1, frames[-1].end - self._segments.replayed.offset)
            self._events = round(sum(len(frame.outgoing.records) for frame in frames) * share)
            self._oldest = frames[0].written_at

    def _age(self) -> float:
        return max(0.0, time.time() - self._oldest / 1000) if self._oldest and not self._is_direct else 0.0

    async def _in_thread(self, call: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._disk, call)


def _hand_on(settled: asyncio.Future[bool], task: asyncio.Task[list[bool]]) -> None:
    if not settled.done():
        settled.set_result(not task.cancelled() and task.exception() is None and all(task.result()))
