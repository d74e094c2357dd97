"""Viewers: each is told the newest snapshot, never an old one, and at most four times a second."""

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson

from dashboard.snapshot import Json

PAUSE_SECONDS = 0.25
# A sign of life while nothing changes, before proxies close the connection; it also moves the chart on.
QUIET_SECONDS = 10.0
MOST_VIEWERS = 100


class Feed:
    """Wakes viewers when the board has changed; a slow one skips snapshots, which are absolute."""

    def __init__(self, snapshot: Callable[[], Json]) -> None:
        self._snapshot = snapshot
        self._changed = asyncio.Event()
        self.viewers = 0

    def wake(self) -> None:
        """The board has changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def events(self) -> AsyncIterator[bytes]:
        """Server-sent events: a whole snapshot each, the first at once."""
        self.viewers += 1
        try:
            yield b"retry: 2000\n\n"
            while True:
                changed = self._changed
                yield b"event: snapshot\ndata: " + orjson.dumps(self._snapshot()) + b"\n\n"
                await asyncio.sleep(PAUSE_SECONDS)
                try:
                    await asyncio.wait_for(changed.wait(), QUIET_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self.viewers -= 1
