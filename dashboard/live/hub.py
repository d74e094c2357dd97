"""The hub: computes what changed once, and streams it to every viewer as server-sent events.

A stream begins with an event `snapshot`. Every `patch` after it is a JSON merge patch on what came before, and has
the id `epoch:counter`. A viewer that reconnects with the last id gets the patches that it missed.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

import orjson

from dashboard.live.merge_patch import merge_patch
from dashboard.live.snapshot import Json

log = logging.getLogger(__name__)

PATCH_INTERVAL_SECONDS = 0.25
# While nothing changes, a patch of the time is sent every five seconds, before proxies close a silent connection.
HEARTBEAT_INTERVALS = 20
MAX_VIEWERS = 500
MAX_QUEUED_MESSAGES = 256
# Patches retained for viewers that reconnect: a minute or more.
RETAINED_PATCHES = 240
RETRY_MS = 2000


class Viewer:
    """The queue of messages to one page. It is bounded: on overflow it is emptied, and the viewer starts over."""

    def __init__(self) -> None:
        # Each message with the number of feed entries that it shows or counts.
        self._queue: deque[tuple[bytes, int]] = deque()
        self._changed = asyncio.Event()
        # Feed entries lost to the overflow, reported to the viewer when it starts over.
        self._lost_entries = 0
        # From the overflow to `start_over` nothing is queued: patches would not fit what the viewer has.
        self.has_overflowed = False

    def enqueue(self, message: bytes, entries: int = 0) -> None:
        """Queue a message that holds so many feed entries."""
        if len(self._queue) >= MAX_QUEUED_MESSAGES:
            self._lost_entries += sum(queued for _message, queued in self._queue) + entries
            self._queue.clear()
            self.has_overflowed = True
        elif self.has_overflowed:
            self._lost_entries += entries
        else:
            self._queue.append((message, entries))
        self._changed.set()

    async def dequeue(self) -> list[bytes]:
        """Wait for messages and take all of them; none after an overflow."""
        await self._changed.wait()
        self._changed.clear()
        messages = [message for message, _entries in self._queue]
        self._queue.clear()
        return messages

    def start_over(self) -> int:
        """End the overflow: the caller sends a snapshot. Return how many feed entries were lost."""
        lost, self._lost_entries, self.has_overflowed = self._lost_entries, 0, False
        return lost


class Hub:
    """All viewers. It does no work while there are none."""

    def __init__(self, snapshot: Callable[[], Json]) -> None:
        self._snapshot = snapshot
        # Ids of another process do not count here.
        self._epoch = secrets.token_hex(4)
        self._counter = 0
        # What a viewer has that got all patches up to `_counter`; the next patch is made against it.
        self._sent: Json = {}
        self._patches: deque[tuple[int, bytes]] = deque(maxlen=RETAINED_PATCHES)
        self._quiet_intervals = 0
        self.viewers: set[Viewer] = set()
        # Those whose stream has not begun yet.
        self._joining: set[Viewer] = set()
        # Feed entries lost to overflows of all viewers.
        self.lost_entries = 0

    def join(self) -> Viewer | None:
        """A place for one more viewer until `leave`; None if all are taken."""
        if len(self.viewers) + len(self._joining) >= MAX_VIEWERS:
            return None
        viewer = Viewer()
        self._joining.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Give the place back."""
        self._joining.discard(viewer)
        self.viewers.discard(viewer)

    async def run(self) -> None:
        """Send changes for ever."""
        while True:
            await asyncio.sleep(PATCH_INTERVAL_SECONDS)
            if self.viewers:
                try:
                    self.send_patch()
                except Exception:  # the next patch may succeed, and nobody would start this loop again
                    log.exception("a patch of the live page failed")

    def send_patch(self) -> None:
        """Send all viewers what changed since the last patch."""
        current = self._snapshot()
        patch = merge_patch(self._sent, current)
        # The time alone is not a change.
        if patch.keys() == {"as_of"} and self._quiet_intervals < HEARTBEAT_INTERVALS:
            self._quiet_intervals += 1
            return
        self._quiet_intervals = 0
        self._sent = current
        self._counter += 1
        message = _event("patch", patch, self._id())
        self._patches.append((self._counter, message))
        for viewer in self.viewers:
            viewer.enqueue(message)

    def send_feed(self, entries: Sequence[Json], skipped: int) -> None:
        """Send all viewers new entries of the feed, and how many more there were."""
        message = _event("feed", {"entries": entries, "skipped": skipped})
        for viewer in self.viewers:
            viewer.enqueue(message, len(entries) + skipped)

    async def stream(self, viewer: Viewer, last_id: str = "") -> AsyncIterator[bytes]:
        """Server-sent events for one viewer: the patches after `last_id` if it is known, else a snapshot first."""
        missed = self._patches_since(last_id)
        first = self._snapshot_event() if missed is None else missed
        self._joining.discard(viewer)
        self.viewers.add(viewer)
        try:
            yield b"retry: %d\n\n" % RETRY_MS + first
            while True:
                messages = await viewer.dequeue()
                if viewer.has_overflowed:
                    lost = viewer.start_over()
                    self.lost_entries += lost
                    messages = [self._snapshot_event(), _event("feed", {"entries": [], "skipped": lost})]
                yield b"".join(messages)
        finally:
            self.leave(viewer)

    def _patches_since(self, last_id: str) -> bytes | None:
        """The patches after an id; None where the id is unknown or too old."""
        epoch, _, counter = last_id.partition(":")
        if epoch == self._epoch and counter.isdecimal() and len(counter) < 16:
            first = self._patches[0][0] if self._patches else self._counter + 1
            if first - 1 <= int(counter) <= self._counter:
                return b"".join(message for number, message in self._patches if number > int(counter))
        return None

    def _snapshot_event(self) -> bytes:
        """What all viewers have. Without viewers it is out of date, so it is updated first."""
        if not self.viewers or not self._sent:
            self.send_patch()
        return _event("snapshot", self._sent, self._id())

    def _id(self) -> str:
        return f"{self._epoch}:{self._counter}"


def _event(name: str, data: Json, event_id: str = "") -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"
