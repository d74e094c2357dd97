"""Posts requests over one connection that is kept open. Only the standard library."""

import contextlib
import http.client
import ssl
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

_PATH = "/api/analytics/collect"
_MAX_ANSWER_BYTES = 4 * 1024 * 1024


class Answer(NamedTuple):
    """What the collector answered. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """What posts a request. Raise OSError if there is no answer."""

    def post(self, body: bytes) -> Answer:
        """The answer to this body."""
        ...

    def close(self) -> None:
        """No request will follow."""
        ...


class HttpTransport:
    """HTTP/1.1 to a collector."""

    def __init__(self, url: str, key: str, timeout: float, tls: ssl.SSLContext | None = None) -> None:
        """`url` is that of the collector, with or without the path. Raise ValueError if it cannot be one."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the URL of a collector, such as https://stats.example.com, not {url!r}")
        path = parts.path.rstrip("/")
        self._path = path if path.endswith(_PATH) else path + _PATH
        self._headers = {"Content-Type": "application/json", "User-Agent": "footfall-client"}
        if key:
            self._headers["Footfall-Key"] = key
        self._address, self._timeout = (parts.hostname, parts.port), timeout
        self._is_secure, self._tls = parts.scheme == "https", tls
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> Answer:
        # The server may have closed a connection that was kept open: then another one is tried at once.
        for is_last in (self._connection is None, True):
            try:
                return self._post(body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if is_last or isinstance(error, TimeoutError):
                    raise OSError(str(error) or type(error).__name__) from error
        raise AssertionError

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _post(self, body: bytes) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("POST", self._path, body, self._headers)
        response = self._connection.getresponse()
        content = response.read(_MAX_ANSWER_BYTES)
        if not response.isclosed():  # a longer one is nobody's whom we know
            self.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, content)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._address
        if not self._is_secure:
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        # Reading the certificates takes a while, which no request of the application is to wait for.
        self._tls = self._tls or ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)
