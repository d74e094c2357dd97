"""Session keys from a JWKS address: fetched ahead of need, kept through outages, rotated by themselves."""

import asyncio
import contextlib
import logging
import time
import urllib.request
from collections.abc import Callable

import orjson

from producer_api import metrics
from producer_api.senders.keys import Key, from_jwks

log = logging.getLogger(__name__)

REFRESH_SECONDS = 300.0
# A token with an unknown kid asks for new keys; made-up ones must not make us a flood.
LEAST_SECONDS_BETWEEN = 10.0
_RETRY_SECONDS = 2.0
_TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024

Fetch = Callable[[str], bytes]


def fetch(url: str) -> bytes:
    """The document at an http, https or file address."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:
        content: bytes = answer.read(_MOST_BYTES)
        return content


class Jwks:
    """The keys of a JWKS address. Old ones stay in use while the address does not answer."""

    def __init__(self, url: str, *, fetch: Fetch = fetch) -> None:
        self._url, self._fetch = url, fetch
        self._keys: dict[str | None, Key] = {}
        self._asked = float("-inf")
        self._asking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to fetch; returns at once, `is_loaded` tells when the first keys are there."""
        self._task = asyncio.create_task(self._keep_fresh())

    async def stop(self) -> None:
        """Fetch no more."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def is_loaded(self) -> bool:
        """Whether there are keys at all."""
        return bool(self._keys)

    async def find(self, key_id: str | None) -> list[Key]:
        """The key of this `kid`, fetched anew if it is unknown; without a `kid` every key is tried."""
        if key_id is None:
            return list(self._keys.values())
        if key_id not in self._keys:
            await self._refresh()
        return [self._keys[key_id]] if key_id in self._keys else []

    async def _refresh(self) -> None:
        """Fetch, unless that was done a moment ago."""
        async with self._asking:
            if time.monotonic() - self._asked < LEAST_SECONDS_BETWEEN:
                return
            await self._fetch_keys()

    async def _fetch_keys(self) -> bool:
        self._asked = time.monotonic()
        try:
            content = await asyncio.to_thread(self._fetch, self._url)
            self._keys = from_jwks(orjson.loads(content))
        except (OSError, ValueError) as error:
            metrics.JWKS_FETCHES.labels("failed").inc()
            log.warning("the keys of sessions cannot be fetched", extra={"url": self._url, "error": repr(error)})
            return False
        metrics.JWKS_FETCHES.labels("ok").inc()
        metrics.JWKS_FETCHED.set_to_current_time()
        return True

    async def _keep_fresh(self) -> None:
        while True:
            async with self._asking:
                fetched = await self._fetch_keys()
            await asyncio.sleep(REFRESH_SECONDS if fetched else _RETRY_SECONDS)
