"""Fetches the document at a URL within bounds: of time in all, of size, and of where redirects may lead."""

import contextlib
import http.client
import socket
import urllib.request
from threading import Timer
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

MAX_BYTES = 1024 * 1024
TIMEOUT_SECONDS = 10.0
_SOCKET_TIMEOUT_SECONDS = 5.0


def fetch(url: str) -> bytes:
    """The document at an http, https or file URL. Raises OSError, HTTPException or ValueError."""
    sockets: list[socket.socket] = []
    opener = urllib.request.build_opener(_Redirects, _Http(sockets), _Https(sockets))
    # The timeout of a socket starts again with every byte, so a slow server needs a second one.
    timer = Timer(TIMEOUT_SECONDS, _end, [sockets])
    timer.daemon = True
    timer.start()
    try:
        with opener.open(url, timeout=_SOCKET_TIMEOUT_SECONDS) as response:
            content: bytes = response.read(MAX_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise
    finally:
        timer.cancel()
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return content


def _end(sockets: list[socket.socket]) -> None:
    """Wake the thread that reads from them."""
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class _Http(urllib.request.HTTPHandler):
    """Notes the sockets that it opens. (urllib itself forgets them when the headers are here.)"""

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        self._connection: Any = Connection

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, request)


class _Https(urllib.request.HTTPSHandler):
    """The same with TLS."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()

        class Connection(http.client.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        self._connection: Any = Connection

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, request)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects must not leave HTTP, nor give up TLS."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        allowed = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in allowed:
            raise URLError(f"a redirect from {req.type} to {newurl[:100]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
