"""Viewers: each has one stream, is told what changed, and goes on after a gap where it stopped."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

import orjson

from dashboard.live.merge_patch import changes
from dashboard.live.snapshot import Json

PACE_SECONDS = 0.25
# A sign of life while nothing changes, before proxies close the connection.
QUIET_TICKS = 20
MAX_VIEWERS = 100
MAX_PENDING = 256
# Ticks kept for those who come back: a minute or more.
KEPT_TICKS = 240
RETRY_MS = 2000


class Viewer:
    """What waits to be sent to one page; bounded, and what is let go is counted."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._came = asyncio.Event()
        self.missed = 0
        self.is_lost = False

    def put(self, message: bytes, entries: int = 0) -> None:
        """Queue a message that holds so many entries of the feed; on overflow everything is let go."""
        if len(self._waiting) >= MAX_PENDING:
            self.missed += sum(held for _message, held in self._waiting) + entries
            self._waiting.clear()
            self.is_lost = True
        elif self.is_lost:
            self.missed += entries
        else:
            self._waiting.append((message, entries))
        self._came.set()

    async def take(self) -> list[bytes]:
        """What waits; nothing where it overflowed."""
        await self._came.wait()
        self._came.clear()
        taken = [message for message, _entries in self._waiting]
        self._waiting.clear()
        return taken

    def found(self) -> int:
        """Viewer and hub agree again; how many entries were missed meanwhile."""
        missed, self.missed, self.is_lost = self.missed, 0, False
        return missed


class Hub:
    """Makes a tick of what changed, once for all viewers, and only while there are any."""

    def __init__(self, snapshot: Callable[[], Json]) -> None:
        self._snapshot = snapshot
        self._epoch = secrets.token_hex(4)
        self._counter = 0
        self._told: Json = {}
        self._ticks: deque[tuple[int, bytes]] = deque(maxlen=KEPT_TICKS)
        self._quiet = 0
        self.viewers: set[Viewer] = set()
        self.missed = 0

    @property
    def is_full(self) -> bool:
        """Whether no further viewer is taken."""
        return len(self.viewers) >= MAX_VIEWERS

    async def run(self) -> None:
        """Tell viewers for ever."""
        while True:
            await asyncio.sleep(PACE_SECONDS)
            if self.viewers:
                self.tick()

    def tick(self) -> None:
        """Tell what changed since the last tick."""
        shown = self._snapshot()
        patch = changes(self._told, shown)
        # The time alone is no news.
        if patch.keys() == {"as_of"} and self._quiet < QUIET_TICKS:
            self._quiet += 1
            return
        self._quiet = 0
        self._told = shown
        self._counter += 1
        message = _event("tick", patch, self._id())
        self._ticks.append((self._counter, message))
        for viewer in self.viewers:
            viewer.put(message)

    def feed(self, entries: Sequence[Json], skipped: int) -> None:
        """Show entries of the feed to all viewers."""
        message = _event("feed", {"entries": entries, "skipped": skipped})
        for viewer in self.viewers:
            viewer.put(message, len(entries) + skipped)

    async def events(self, last_id: str = "") -> AsyncIterator[bytes]:
        """Server-sent events for one viewer: from behind `last_id`, where that is known, else from a snapshot."""
        viewer = Viewer()
        begin = self._since(last_id)
        self.viewers.add(viewer)
        try:
            yield b"retry: %d\n\n" % RETRY_MS + begin
            while True:
                taken = await viewer.take()
                if viewer.is_lost:
                    missed = viewer.found()
                    self.missed += missed
                    taken = [self._whole(), _event("feed", {"entries": [], "skipped": missed})]
                yield b"".join(taken)
        finally:
            self.viewers.discard(viewer)

    def _since(self, last_id: str) -> bytes:
        epoch, _, counter = last_id.partition(":")
        if epoch == self._epoch and counter.isdecimal() and len(counter) < 16:
            first = self._ticks[0][0] if self._ticks else self._counter + 1
            if first - 1 <= int(counter) <= self._counter:
                return b"".join(message for number, message in self._ticks if number > int(counter))
        return self._whole()

    def _whole(self) -> bytes:
        """A snapshot of what all viewers were told last, brought up to date first."""
        if not self.viewers:
            self.tick()
        if not self._told:
            self.tick()
        return _event("snapshot", self._told, self._id())

    def _id(self) -> str:
        return f"{self._epoch}:{self._counter}"


def _event(name: str, data: Json, event_id: str = "") -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"
