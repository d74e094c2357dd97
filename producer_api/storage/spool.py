"""Stores events on disk while Kafka is unavailable, and publishes them afterwards: in order, with the same ids.

While anything is left in the spool, new events go behind it. Once it is empty, they go straight to Kafka again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from producer_api import metrics
from producer_api.storage.frames import Frame, encode_frame
from producer_api.storage.records import EventPublisher, PublishRequest, Record
from producer_api.storage.segments import Position, Segments
from service_kit.background import Background

log = logging.getLogger(__name__)

# After a failed write, requests are rejected for this long before the disk is tried again.
PAUSE_SECONDS = 1.0
_RETRY_SECONDS = 0.2
# With no more than this left to replay, new events wait in memory until it is in Kafka, instead of going to disk.
# Otherwise the spool would never be empty under steady load.
_NEARLY_EMPTY_BYTES = 512 * 1024


class Spool:
    """An EventPublisher in front of another one: what that one cannot publish now is stored on disk."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        publisher: EventPublisher,
        is_too_large: Callable[[bytes | None, Record], bool] = lambda _key, _record: False,
    ) -> None:
        """Open the folder. Raise SpoolInUse, or OSError if it cannot be written.

        `is_too_large`: whether Kafka takes no batch with this record. None is stored for it.
        """
        self._publisher, self._max_bytes = publisher, max_bytes
        self._is_too_large = is_too_large
        self._segments = Segments(folder)
        # Requests that wait for the next write, each with the future that its caller awaits.
        self._waiting: list[tuple[PublishRequest, asyncio.Future[bool]]] = []
        self._has_waiting = asyncio.Event()
        # Held while frames are written, and while the last frames are replayed: a frame written between the last
        # replay and the switch to direct publishing would be overtaken, or left behind.
        self._lock = asyncio.Lock()
        # True while the spool is empty, so that events may go straight to Kafka.
        self._is_direct = not self._segments.unreplayed_bytes
        self._retry_at = 0.0
        # For the metrics: about how many events are in the spool, and when the oldest was written (ms since 1970).
        self._events, self._oldest = 0, 0
        # The smallest record that waits aside, as the topic takes none like it, with its key.
        self._aside: tuple[bytes | None, Record] | None = None
        # One thread: file operations never run at the same time.
        self._disk = ThreadPoolExecutor(1, "spool")
        self._background = Background()

    async def start(self) -> None:
        """Begin to replay what an earlier run left."""
        metrics.SPOOL_MAX_BYTES.set(self._max_bytes)
        metrics.SPOOL_BYTES.set_function(lambda: self._segments.disk_bytes)
        metrics.SPOOL_EVENTS.set_function(lambda: self._events)
        metrics.SPOOL_AGE_SECONDS.set_function(self._age)
        await self._estimate_events()
        self._background.start("writing to the spool", self._write_forever())
        self._background.start("the replay of the spool", self._replay_forever())

    async def stop(self) -> None:
        """Write what waits and close the folder. What is not replayed yet is replayed after the next start."""
        while self._waiting:
            await self._write_waiting()
        await self._background.stop()
        self._disk.shutdown()
        self._segments.close()

    @property
    def is_available(self) -> bool:
        """Whether Kafka or the disk takes events now."""
        has_room = self._segments.disk_bytes < self._max_bytes and time.monotonic() >= self._retry_at
        return has_room or (self._is_direct and self._publisher.is_available)

    async def publish(self, request: PublishRequest) -> list[bool]:
        """Whether each record is in Kafka or on disk."""
        if not self._is_direct or not self._publisher.is_available:
            durable = [False] * len(request.records)
        else:
            durable = await self._publisher.publish(request)
            if all(durable):
                return durable
        pairs = zip(request.records, durable, strict=True)
        left = [record for record, acked in pairs if not (acked or self._is_too_large(request.key, record))]
        if not left or not await self._store(PublishRequest(request.key, left, request.on_late_ack)):
            return durable
        stored = {record.event_id for record in left}
        return [acked or record.event_id in stored for record, acked in zip(request.records, durable, strict=True)]

    async def _store(self, request: PublishRequest) -> bool:
        self._is_direct = False
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, stored))
        self._has_waiting.set()
        return await stored

    async def _write_forever(self) -> None:
        while True:
            await self._has_waiting.wait()
            self._has_waiting.clear()
            async with self._lock:
                await self._write_waiting()

    async def _write_waiting(self) -> None:
        """One write and one fsync for all requests that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        now = time.time_ns() // 1_000_000
        frames = b"".join([encode_frame(request, now) for request, _stored in waiting])
        written = await self._write(frames)
        for request, stored in waiting:
            if written:
                self._events += len(request.records)
                metrics.SPOOLED_EVENTS.inc(len(request.records))
            if not stored.done():
                stored.set_result(written)
        self._oldest = self._oldest or now

    async def _write(self, frames: bytes) -> bool:
        if self._segments.disk_bytes + len(frames) > self._max_bytes:
            metrics.SPOOL_ERRORS.labels("full").inc()
            return False
        try:
            await self._in_thread(partial(self._segments.append, frames))
        except OSError as error:
            metrics.SPOOL_ERRORS.labels("write").inc()
            self._retry_at = time.monotonic() + PAUSE_SECONDS
            log.error("cannot write to the spool", extra={"error": str(error)})  # noqa: TRY400 # the error is enough
            return False
        return True

    async def _replay_forever(self) -> None:
        while True:
            if not self._may_replay() or not await self._replay_or_log():
                await asyncio.sleep(_RETRY_SECONDS)

    def _may_replay(self) -> bool:
        """Whether anything is left, and Kafka takes it now."""
        is_aside = self._aside is not None and not self._is_too_large(*self._aside)
        return self._publisher.is_available and (is_aside or not self._is_direct)

    async def _replay_or_log(self) -> bool:
        try:
            return await self._replay()
        except OSError as error:  # of reading: the disk may be well again later
            metrics.SPOOL_ERRORS.labels("read").inc()
            log.error("cannot replay the spool", extra={"error": str(error)})  # noqa: TRY400 # the error is enough
            await asyncio.sleep(PAUSE_SECONDS)
            return False

    async def _replay(self) -> bool:
        """Publish the next frames, or all of them if few are left; whether Kafka acknowledged them."""
        if self._is_direct:
            await self._bring_back()
        if self._segments.unreplayed_bytes > _NEARLY_EMPTY_BYTES:
            return await self._replay_chunk()
        async with self._lock:
            while self._segments.unreplayed_bytes:
                if not await self._replay_chunk():
                    return False
            await self._in_thread(self._segments.end_segment)
            self._go_direct()
        return True

    async def _bring_back(self) -> None:
        """Replay what is aside: the topic takes some of it by now."""
        async with self._lock:
            await self._in_thread(self._segments.bring_back)
            self._is_direct, self._aside = False, None
        log.info("publishing events of the spool that were too large before")

    def _go_direct(self) -> None:
        """Everything that was written is in Kafka, so what waits to be written may go there directly."""
        waiting, self._waiting = self._waiting, []
        self._is_direct, self._oldest, self._events = True, 0, 0
        for request, stored in waiting:
            task = asyncio.ensure_future(self.publish(request))
            task.add_done_callback(partial(_pass_on, stored))

    async def _replay_chunk(self) -> bool:
        frames: list[Frame] = await self._in_thread(self._segments.read)
        if not frames:
            return True
        self._oldest = frames[0].written_at
        # All are handed over, in order, before the first is awaited.
        publishing = [asyncio.ensure_future(self._publisher.publish(frame.request)) for frame in frames]
        durable = await asyncio.gather(*publishing)
        if not all(map(all, durable)) and not await self._set_aside(frames, durable):
            return False
        position = Position(self._segments.replayed.segment, frames[-1].end)
        await self._in_thread(partial(self._segments.mark_replayed, position))
        count = sum(len(frame.request.records) for frame in frames)
        self._events = max(0, self._events - count)
        metrics.REPLAYED_EVENTS.inc(count)
        return True

    async def _set_aside(self, frames: Sequence[Frame], durable: Sequence[Sequence[bool]]) -> bool:
        """Store elsewhere what is too large for Kafka by now; whether everything else of the frames is durable."""
        refused = [request for request in map(_left, frames, durable) if request.records]
        if not all(self._is_too_large(each.key, record) for each in refused for record in each.records):
            return False
        now = time.time_ns() // 1_000_000
        path = await self._in_thread(
            partial(self._segments.set_aside, b"".join(encode_frame(each, now) for each in refused))
        )
        count = sum(len(each.records) for each in refused)
        metrics.SPOOL_ERRORS.labels("too_large").inc(count)
        waiting = [(each.key, record) for each in refused for record in each.records]
        self._aside = min([*waiting, *([self._aside] if self._aside else [])], key=lambda pair: pair[1].size)
        log.error(
            "%d events of the spool are larger than max.message.bytes of events: they wait in %s until it is"
            " raised",
            *(count, path),
        )
        return True

    async def _estimate_events(self) -> None:
        """How many events an earlier run left. Only a metric needs it, so it is estimated from the first chunk."""
        frames: list[Frame] = await self._in_thread(self._segments.read)
        if frames:
            share = self._segments.disk_bytes / max(1, frames[-1].end - self._segments.replayed.offset)
            self._events = round(sum(len(frame.request.records) for frame in frames) * share)
            self._oldest = frames[0].written_at

    def _age(self) -> float:
        return max(0.0, time.time() - self._oldest / 1000) if self._oldest and not self._is_direct else 0.0

    async def _in_thread(self, call: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._disk, call)


def _pass_on(stored: asyncio.Future[bool], task: asyncio.Task[list[bool]]) -> None:
    if not stored.done():
        stored.set_result(not task.cancelled() and task.exception() is None and all(task.result()))


def _left(frame: Frame, durable: Sequence[bool]) -> PublishRequest:
    """What of a frame is not durable."""
    pairs = zip(frame.request.records, durable, strict=True)
    return PublishRequest(frame.request.key, [record for record, acked in pairs if not acked])
