"""The HTTP server of every service: uvicorn, with bounds on what a client may cost before its request is complete.

httptools has no bound for headers, and uvicorn none for the time that they take. (Its
`h11_max_incomplete_event_size` is of another parser.) Without bounds one connection that sends an endless header
stops all others, and idle ones use up the file descriptors.
"""

import asyncio
import logging
import resource
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service_kit.joined_writes import JoinedWrites

log = logging.getLogger(__name__)

# Of a request line with its headers. A pipelined request may have up to twice as much.
MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_SECONDS = 10.0
BODY_TIMEOUT_SECONDS = 60.0
# About 12 kB each.
MAX_CONNECTIONS = 4_000
# Kafka, Postgres, files and the spool need some too.
_RESERVED_DESCRIPTORS = 200
_RETRY_AFTER_SECONDS = 1


def max_connections() -> int:
    """As many connections as file descriptors allow, and no more than the memory is meant for."""
    descriptors, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(32, min(MAX_CONNECTIONS, descriptors - _RESERVED_DESCRIPTORS))


class BoundedProtocol(HttpToolsProtocol):
    """A connection. It has to send a whole request in time and within bounds, or it is closed.

    With too many connections, the one that has waited longest without sending a request makes room.
    """

    body_timeout: ClassVar[float] = BODY_TIMEOUT_SECONDS
    # Connections without a request in progress, oldest first.
    _waiting: ClassVar[dict["BoundedProtocol", None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        # Whether a request line or headers are to come, rather than the rest of a body.
        self._in_head = True
        # The bytes of an incomplete head so far.
        self._head_bytes = 0
        self._has_new_head = False
        self._deadline: asyncio.TimerHandle | None = self.loop.call_later(HEAD_TIMEOUT_SECONDS, self._give_up)
        self._waiting[self] = None
        if len(self.connections) > max_connections():
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.pop(self, None)
        self._end_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        while data and not self.transport.is_closing():
            room = MAX_HEAD_BYTES - self._head_bytes if self._in_head else len(data)
            piece, data = (data, b"") if len(data) <= room else (data[:room], data[room:])
            self._has_new_head = False
            super().data_received(piece)
            if self._in_head and not self._has_new_head:
                self._head_bytes += len(piece)
                if self._head_bytes >= MAX_HEAD_BYTES:
                    self._refuse("431 Request Header Fields Too Large")
        if self._deadline is None and not self.transport.is_closing():
            self._start_deadline()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._waiting.pop(self, None)
        self._end_deadline()
        hosts = sum(name == b"host" for name, _value in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            # RFC 9112 3.2. Who is in front may have decided by another one than the application reads.
            raise ValueError("not one Host")  # which uvicorn answers with 400, as it does what is not HTTP
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = self._has_new_head = True
        self._end_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self._waiting[self] = None

    def _start_deadline(self) -> None:
        if not self._in_head:
            self._deadline = self.loop.call_later(self.body_timeout, self._give_up)
        elif self._head_bytes:
            self._deadline = self.loop.call_later(HEAD_TIMEOUT_SECONDS, self._give_up)

    def _end_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """The client took too long for its headers or its body."""
        self._deadline = None
        if not self._in_head:
            self.transport.abort()
        elif self._head_bytes:
            self._refuse("408 Request Timeout")
        else:
            self.transport.close()

    def _make_room(self) -> None:
        oldest = next(iter(self._waiting))
        log.warning("too many connections", extra={"connections": len(self.connections)})
        if oldest is self:
            self._refuse("503 Service Unavailable", f"retry-after: {_RETRY_AFTER_SECONDS}\r\n")
        else:
            del self._waiting[oldest]
            oldest.transport.abort()

    def _refuse(self, status: str, headers: str = "") -> None:
        """Answer and close. While an earlier request is being answered, only close."""
        if self.cycle is None or self.cycle.response_complete:
            body = f"{status}\n"
            head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: text/plain\r\n{headers}"
            self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
        self.transport.close()


def options(body_timeout_seconds: float = BODY_TIMEOUT_SECONDS) -> Mapping[str, Any]:
    """What every service passes to `uvicorn.Config`."""
    protocol = type("BoundedProtocol", (BoundedProtocol,), {"body_timeout": body_timeout_seconds})
    return MappingProxyType(
        {"http": protocol, "ws": "none", "server_header": False, "log_config": None, "access_log": False}
    )
