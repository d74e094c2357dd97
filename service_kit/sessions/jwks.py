"""Session keys from a JWKS URL: fetched ahead of need, used through outages, rotated without a restart."""

import asyncio
import logging
import time
from collections.abc import Callable

import orjson

from service_kit.background import Background
from service_kit.sessions import fetch as fetching
from service_kit.sessions.keys import Key, parse_jwks

log = logging.getLogger(__name__)

REFRESH_INTERVAL_SECONDS = 300.0
RETRY_INTERVAL_SECONDS = 2.0
# An unknown kid makes us fetch; tokens with made-up ones must not flood the key server.
MIN_SECONDS_BETWEEN_FETCHES = 10.0
_MAX_ERROR_LENGTH = 500
# How long a request waits for keys; the fetch goes on without it.
MAX_WAIT_SECONDS = 2.0
# Later than the fetch's own timeout, which ends its thread: one that is left behind would be lost to others.
_SPARE_SECONDS = 5.0

Fetch = Callable[[str], bytes]
# Called after each fetch, with whether it succeeded.
OnFetch = Callable[[bool], None]


class Jwks:
    """The keys of a JWKS URL. Old ones stay in use while the server does not answer with usable keys."""

    def __init__(self, url: str, on_fetch: OnFetch, *, fetch: Fetch = fetching.fetch) -> None:
        self._url, self._on_fetch, self._fetch = url, on_fetch, fetch
        self._keys: dict[str | None, Key] = {}
        # Rises with every change of the keys: what was verified with the old ones may not be valid any more.
        self.generation = 0
        self._last_fetch = float("-inf")
        # The fetch in progress, shared by all who wait for one.
        self._fetching: asyncio.Task[bool] | None = None
        self._background = Background()

    async def start(self) -> None:
        """Begin to fetch in the background; `is_loaded` says when the first keys are here."""
        self._background.start("the refresh of session keys", self._refresh_forever())

    async def stop(self) -> None:
        """Stop fetching."""
        await self._background.stop()
        if self._fetching:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    @property
    def is_loaded(self) -> bool:
        """Whether there are any keys yet."""
        return bool(self._keys)

    async def find(self, key_id: str | None) -> list[Key]:
        """The key with this `kid`, fetched if it is unknown; without a `kid` every key is tried."""
        if not self._keys or (key_id is not None and key_id not in self._keys):
            await self._refresh()
        if key_id is None:
            return list(self._keys.values())
        return [self._keys[key_id]] if key_id in self._keys else []

    async def _refresh(self) -> None:
        """Wait for a fetch, though not for long, unless the last one ended a moment ago."""
        is_fetching = self._fetching and not self._fetching.done()
        if is_fetching or time.monotonic() - self._last_fetch >= MIN_SECONDS_BETWEEN_FETCHES:
            await asyncio.wait({self._current_fetch()}, timeout=MAX_WAIT_SECONDS)

    def _current_fetch(self) -> asyncio.Task[bool]:
        """The fetch in progress, or a new one."""
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch_keys())
        return self._fetching

    async def _fetch_keys(self) -> bool:
        self._last_fetch = time.monotonic()
        try:
            async with asyncio.timeout(fetching.TIMEOUT_SECONDS + _SPARE_SECONDS):
                keys = await asyncio.to_thread(self._fetch_and_parse)
        except Exception as error:  # whatever it is, the old keys stay in use and the next fetch may succeed
            self._on_fetch(False)
            shown = repr(error)[:_MAX_ERROR_LENGTH]
            log.warning("the keys of sessions cannot be fetched", extra={"url": self._url, "error": shown})
            return False
        if keys != self._keys:
            self._keys = keys
            self.generation += 1
        self._on_fetch(True)
        return True

    def _fetch_and_parse(self) -> dict[str | None, Key]:
        return parse_jwks(orjson.loads(self._fetch(self._url)))

    async def _refresh_forever(self) -> None:
        while True:
            fetched = await self._current_fetch()
            await asyncio.sleep(REFRESH_INTERVAL_SECONDS if fetched else RETRY_INTERVAL_SECONDS)
