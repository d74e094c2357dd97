"""A TCP proxy in front of a server that can cut connections at given data, stop forwarding, or be slow."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

Side = Literal["to the server", "to the client"]
# With this linger option, closing a socket sends RST instead of FIN.
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards connections to a port of this machine. A test can change its behaviour at any time."""

    def __init__(self, port: int) -> None:
        # The port that new connections are forwarded to.
        self.target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay = 0.0
        self._silent = threading.Event()
        self._connections: list[Connection] = []
        self._rule: CutRule | None = None
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, data: bytes, *, after: bool = False) -> threading.Event:
        """Reset one connection when a client sends `data`: before forwarding it, or with `after`, once the server answered."""
        self._rule = CutRule(data, after)
        return self._rule.done

    def stop_forwarding(self) -> None:
        """Keep all connections open, but discard what they send."""
        self._silent.set()

    def close_server_sides(self) -> None:
        """Close the connections to the server only, so that they are half open."""
        for connection in self._connections:
            connection.silent.set()
            connection.close("to the server")

    def resume_forwarding(self) -> None:
        """Forward again, for new connections only."""
        self._silent.clear()

    def stop(self) -> None:
        self._listener.close()
        for connection in self._connections:
            connection.reset()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                try:
                    server = socket.create_connection(("127.0.0.1", self.target))
                except OSError:  # the server is stopped
                    client.close()
                    continue
                connection = Connection(client, server, self)
                self._connections.append(connection)
                connection.start()

    def is_silent(self, connection: "Connection") -> bool:
        """Whether what this connection sends is discarded."""
        if self._silent.is_set():
            connection.silent.set()
        return connection.silent.is_set()

    def rule_for(self, data: bytes) -> "CutRule | None":
        """The rule that this data of a client triggers, if any. A rule is used once."""
        rule = self._rule
        if rule is None or rule.data not in data:
            return None
        self._rule = None
        return rule


class CutRule:
    """Where to cut, and whether it has happened."""

    def __init__(self, data: bytes, after: bool) -> None:
        self.data, self.after, self.done = data, after, threading.Event()


class Connection:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket, proxy: Proxy) -> None:
        self._client, self._server, self._proxy = client, server, proxy
        self.silent = threading.Event()
        self._cut_at_answer: CutRule | None = None

    def start(self) -> None:
        for run in (self._to_server, self._to_client):
            threading.Thread(target=self._guarded, args=(run,), daemon=True).start()

    def close(self, end: Side) -> None:
        with contextlib.suppress(OSError):
            (self._server if end == "to the server" else self._client).close()

    def reset(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _guarded(self, run: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            run()
        if not self.silent.is_set():
            self.reset()

    def _to_server(self) -> None:
        for data in _received(self._client):
            if self._proxy.is_silent(self):
                continue
            rule = self._proxy.rule_for(data)
            if rule is not None and not rule.after:
                rule.done.set()
                return
            self._cut_at_answer = rule or self._cut_at_answer
            time.sleep(self._proxy.delay)
            self._server.sendall(data)

    def _to_client(self) -> None:
        for data in _received(self._server):
            if self._proxy.is_silent(self):
                continue
            if self._cut_at_answer is not None:
                self._cut_at_answer.done.set()
                return
            self._client.sendall(data)


def _received(end: socket.socket) -> Iterator[bytes]:
    while data := end.recv(65536):
        yield data
