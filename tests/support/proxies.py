"""A line between a client and Postgres that can be cut at a named place, go deaf, or be slow."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

Where = Literal["to the server", "to the client"]
# Closing with this option sends a reset instead of a goodbye.
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards to a port of this machine; what it does in between is set from outside, at any time."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay = 0.0
        self._deaf = threading.Event()
        self._lines: list[Line] = []
        self._rule: Rule | None = None
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, words: bytes, *, after: bool = False) -> threading.Event:
        """Reset both ends once, when a client says these words: before the server hears them, or after it answered."""
        self._rule = Rule(words, after)
        return self._rule.done

    def go_deaf(self) -> None:
        """Take everything and forward nothing; nobody is told."""
        self._deaf.set()

    def drop_servers(self) -> None:
        """Half open: the servers see their clients go, the clients see nothing."""
        for line in self._lines:
            line.deaf.set()
            line.close("to the server")

    def hear_again(self) -> None:
        """For new lines; those that were deaf are lost."""
        self._deaf.clear()

    def stop(self) -> None:
        self._listener.close()
        for line in self._lines:
            line.reset()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                server = socket.create_connection(("127.0.0.1", self._target))
                line = Line(client, server, self)
                self._lines.append(line)
                line.start()

    def held(self, line: "Line") -> bool:
        """Whether a line forwards nothing."""
        if self._deaf.is_set():
            line.deaf.set()
        return line.deaf.is_set()

    def rule_for(self, data: bytes) -> "Rule | None":
        """The rule that these words of a client call for; it holds once."""
        rule = self._rule
        if rule is None or rule.words not in data:
            return None
        self._rule = None
        return rule


class Rule:
    """Where to cut, and whether it was done."""

    def __init__(self, words: bytes, after: bool) -> None:
        self.words, self.after, self.done = words, after, threading.Event()


class Line:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket, proxy: Proxy) -> None:
        self._client, self._server, self._proxy = client, server, proxy
        self.deaf = threading.Event()
        self._cut_at_answer: Rule | None = None

    def start(self) -> None:
        for run in (self._to_server, self._to_client):
            threading.Thread(target=self._guarded, args=(run,), daemon=True).start()

    def close(self, end: Where) -> None:
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
        if not self.deaf.is_set():
            self.reset()

    def _to_server(self) -> None:
        for data in _arriving(self._client):
            if self._proxy.held(self):
                continue
            rule = self._proxy.rule_for(data)
            if rule is not None and not rule.after:
                rule.done.set()
                return
            self._cut_at_answer = rule or self._cut_at_answer
            time.sleep(self._proxy.delay)
            self._server.sendall(data)

    def _to_client(self) -> None:
        for data in _arriving(self._server):
            if self._proxy.held(self):
                continue
            if self._cut_at_answer is not None:
                self._cut_at_answer.done.set()
                return
            self._client.sendall(data)


def _arriving(end: socket.socket) -> Iterator[bytes]:
    while data := end.recv(65536):
        yield data
