"""The client: makes events, and hands them to the thread that sends. Nothing here waits or raises in a request."""

import asyncio
import atexit
import json
import os
import ssl
import weakref
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from footfall_client.backlog import Backlog
from footfall_client.chunks import FileStore, MemoryStore, Store
from footfall_client.context import current_context
from footfall_client.counters import Counters, Tally
from footfall_client.event_ids import new_event_id
from footfall_client.events import Track
from footfall_client.sender import Sender
from footfall_client.transport import HttpTransport, Transport

_MAX_EVENT_BYTES = 64 * 1024
_BATCH_BYTES = 200 * 1024
_SENDER_FIELDS = ("user_id", "session_id")
_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()


class Client:
    """Sends events to a collector. One per process is enough; all methods may be called from any thread or task.

    `key` is one of the collector's FOOTFALL_BACKEND_KEYS. With `spool_dir` an event is on disk when `track`
    returns, and the next process sends it if this one is killed. `max_bytes` bounds what may wait, by default
    16 MiB in memory or 256 MiB on disk; beyond that the oldest events are dropped and counted.
    """

    track: Track

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        site: str | None = None,
        release: str | None = None,
        spool_dir: str | os.PathLike[str] | None = None,
        max_bytes: int | None = None,
        batch_size: int = 100,
        wait: float = 1.0,
        timeout: float = 10.0,
        exit_timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Raise ValueError for settings that cannot be meant, and OSError if `spool_dir` cannot be written."""
        if not 1 <= batch_size <= 500:
            raise ValueError("batch_size from 1 to 500, which is what collectors accept in one request")
        self._new_transport = partial(HttpTransport, url, key, timeout, tls)
        self._transport = transport
        self._spool_dir = None if spool_dir is None else Path(spool_dir)
        self._max_bytes = max_bytes or (256 if spool_dir else 16) * 1024 * 1024
        self._batch_size, self._wait, self._exit_timeout = batch_size, wait, exit_timeout
        self._defaults = {name: value for name, value in (("site", site), ("release", release)) if value}
        self.track = self.track_custom
        self._begin(self._spool_dir)
        _clients.add(self)
        if self._spool_dir:
            self._sender.start()

    def track_custom(
        self,
        event_type: str,
        event_data: Mapping[str, Any] | None = None,
        *,
        timestamp: datetime | None = None,
        **context: Any,
    ) -> str | None:
        """Queue an event of any name; its id, or None if it had to be dropped. Never blocks, never raises.

        `track` is the same for the event types of the catalogue, with types that a checker knows.
        """
        sender = self._sender
        try:
            self._tally.add(tracked=1)
            event_id = new_event_id()
            everything = {**self._defaults, **current_context(), **context}
            line = _encode(event_id, event_type, event_data, timestamp, everything)
            if len(line) > _MAX_EVENT_BYTES:
                sender.drop(f"{event_type!r} is larger than {_MAX_EVENT_BYTES} bytes")
                return None
            sender.add(line)
        except Exception as error:  # a request of the application is not to fail for an event
            sender.drop(f"{event_type!r} cannot be written as JSON ({type(error).__name__}: {error})"[:500])
            return None
        return event_id

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what waits now; whether all of it is done within `timeout` seconds."""
        return self._sender.flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush for at most `exit_timeout` seconds, and end. Called at the end of the process too."""
        self._sender.close(self._exit_timeout if timeout is None else timeout)

    async def flush_async(self, timeout: float = 10.0) -> bool:
        """`flush` for asyncio."""
        return await asyncio.to_thread(self.flush, timeout)

    async def close_async(self, timeout: float | None = None) -> None:
        """`close` for asyncio."""
        await asyncio.to_thread(self.close, timeout)

    @property
    def counters(self) -> Counters:
        """What became of the events of this process."""
        return self._tally.snapshot(self._sender.waiting)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close_async()

    def _begin(self, spool_dir: Path | None) -> None:
        """Everything that a process has for itself. Called again in each that is forked."""
        store: Store = FileStore(spool_dir) if spool_dir else MemoryStore()
        self._tally = Tally()
        backlog = Backlog(
            store, max_bytes=self._max_bytes, batch_events=self._batch_size, batch_bytes=_BATCH_BYTES
        )
        self._sender = Sender(backlog, store, self._transport or self._new_transport(), self._tally, self._wait)

    def _after_fork(self) -> None:
        self._sender.forget()
        try:
            self._begin(self._spool_dir)
        except OSError as error:
            self._begin(None)
            self._sender.say(f"the spool cannot be written ({error}): events are in memory only")


def _encode(
    event_id: str,
    event_type: str,
    event_data: Mapping[str, Any] | None,
    timestamp: datetime | None,
    context: dict[str, Any],
) -> bytes:
    moment = timestamp or datetime.now(UTC)
    event = {
        "event_id": event_id,
        "event_type": event_type,
        "event_data": event_data or {},
        "timestamp": moment.astimezone(UTC).isoformat(),  # without a zone, it is that of this machine
        # Always there, so that nobody else's headers count.
        **{name: context.pop(name, None) for name in _SENDER_FIELDS},
    }
    if known := {name: value for name, value in context.items() if value is not None}:
        event["context"] = known
    return json.dumps(event, default=_plain, allow_nan=False, separators=(",", ":")).encode()


def _plain(value: object) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal, Path)):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise TypeError(f"a {type(value).__name__}")


def _close_all() -> None:
    for client in list(_clients):
        client.close()


def _after_fork() -> None:
    for client in list(_clients):
        client._after_fork()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
