"""`/healthz`, `/readyz` and `/metrics` for services without HTTP of their own.

Threads serve them, so that a busy or frozen event loop can still be seen from outside.
"""

import json
import logging
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from types import MappingProxyType
from typing import Any

from prometheus_client import CollectorRegistry

from service_kit.background import BackgroundThread
from service_kit.metrics import CONTENT_TYPE, exposition

log = logging.getLogger(__name__)

ALL_INTERFACES = "0.0.0.0"
MAX_CONNECTIONS = 32
_IDLE_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a probe: whether it passes, and the reason if not."""

    ok: bool
    reason: str = "ok"


Check = Callable[[], Health]
# A page for operators: from a name to JSON, or None if nothing has this name. A page whose path ends with a slash
# gets the rest of the URL's path as the name; other pages get "".
Page = Callable[[str], Any]


class Probes:
    """A small HTTP server in a daemon thread. With port 0 it takes a free port, which `port` has then."""

    def __init__(
        self,
        port: int,
        *,
        host: str = ALL_INTERFACES,
        live: Check,
        ready: Check,
        metrics: CollectorRegistry,
        pages: Mapping[str, Page] = MappingProxyType({}),
    ) -> None:
        handler = _handler({"/healthz": live, "/readyz": ready}, metrics, pages)
        self._server = _Server(host, port, handler)
        self.port: int = self._server.server_address[1]
        self._thread = BackgroundThread("the probes", self._server.serve_forever)

    def start(self) -> None:
        """Start to answer requests."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._thread.stop_expected()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Has at most MAX_CONNECTIONS connections, each with a thread.

    One more closes the oldest: a probe is answered at once, so the oldest is of somebody who sends nothing.
    (Rejecting the newest would let such people stop the probes, and Kubernetes would then kill the service.)
    """

    daemon_threads = True

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # In the order of their arrival.
        self._connections: dict[socket.socket, None] = {}
        self._lock = Lock()
        super().__init__((host, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections[request] = None
            oldest = next(iter(self._connections)) if len(self._connections) > MAX_CONNECTIONS else None
            if oldest:
                del self._connections[oldest]
        if oldest:
            _end(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log it as everything else is logged. A client that left is not an error."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a probe failed")


def _end(connection: socket.socket) -> None:
    """Wake the thread that reads from the connection; it then closes it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _handler(
    checks: Mapping[str, Check], metrics: CollectorRegistry, pages: Mapping[str, Page]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _IDLE_TIMEOUT_SECONDS

        def do_GET(self) -> None:
            if check := checks.get(self.path):
                health = check()
                body = json.dumps({"status": health.reason}).encode()
                self._answer(200 if health.ok else 503, "application/json", body)
            elif self.path == "/metrics":
                self._answer(200, CONTENT_TYPE, exposition(metrics))
            else:
                self._answer_page()

        def _answer_page(self) -> None:
            folder, _, name = self.path.rpartition("/")
            for path, argument in ((self.path, ""), (f"{folder}/", name)):
                if path in pages and (found := pages[path](argument)) is not None:
                    self._answer(200, "application/json", json.dumps(found).encode())
                    return
            known = ", ".join((*checks, "/metrics", *pages))
            self._answer(404, "text/plain", f"Not found. There are {known}.\n".encode())

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: probes come every few seconds."""

    return Handler
