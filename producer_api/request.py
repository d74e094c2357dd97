"""What the collector reads of a request and knows of its sender, and every header it reads or sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_PROXY = "With `FOOTFALL_TRUST_LOOPBACK`: the request did not come from this machine itself, unless they say so."
REQUEST_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Accept-Language": "The language that the browser prefers, unless `context` says it.",
        "Authorization": "`Bearer` and a session token, if no cookie holds one.",
        "Content-Encoding": "`gzip`, or absent.",
        "Content-Length": "A body that is announced as too large is rejected before it is read.",
        "Content-Type": "`application/json`, or `text/plain` (also read as JSON, but sent without a preflight).",
        "Cookie": "The session, and the signed cookie of a visitor.",
        "DNT": "`1`: the event is stored without user, session and visitor.",
        "Footfall-Key": "The key of a backend, from `FOOTFALL_BACKEND_KEYS`.",
        "Footfall-Session": "The session on whose behalf a backend sends, unless an event names its own.",
        "Footfall-User": "The user on whose behalf a backend sends, unless an event names its own.",
        "Forwarded": _PROXY,
        "Host": "Pages served from this host may post.",
        "Origin": "Pages of other origins may post if `FOOTFALL_ALLOWED_ORIGINS` lists them. Its host is stored.",
        "Sec-CH-UA": "Chromium without a window says so here, also with another `User-Agent`.",
        "Sec-Fetch-Site": "`cross-site` without an allowed `Origin` is rejected.",
        "Sec-GPC": "`1`: the event is stored without user, session and visitor.",
        "traceparent": "Copied to a header of the record.",
        "User-Agent": "Stored as browser, system, device class, and why it looks like a program, if it does.",
        "Via": _PROXY,
        "X-Forwarded-For": f"From `FOOTFALL_TRUSTED_PROXIES`: the IP of the sender. {_PROXY}",
        "X-Forwarded-Host": _PROXY,
        "X-Real-IP": _PROXY,
    }
)

RESPONSE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Access-Control-Allow-Credentials": "For pages of other origins: requests may include cookies.",
        "Access-Control-Allow-Headers": "In response to a preflight: the headers that may be sent.",
        "Access-Control-Allow-Methods": "In response to a preflight: `POST`.",
        "Access-Control-Allow-Origin": "For pages of other origins: they may read the response or rejection.",
        "Access-Control-Expose-Headers": "The headers that such pages may read.",
        "Access-Control-Max-Age": "How long a browser may cache the preflight, in seconds.",
        "Allow": "With 405: the allowed methods.",
        "Content-Length": "The length of the response.",
        "Content-Type": "`application/json`.",
        "Footfall-Sender": "For pages: four digits that stand for who is signed in, or for the visitor. So the SDK"
        " does not send under one person's login what another person's pages have stored.",
        "RateLimit": "The limit closest to being reached: `r` events are left, `t` seconds until there are more.",
        "RateLimit-Policy": "That limit: `q` events per `w` seconds.",
        "Retry-After": "With 429 and 503, and when some events of a list have to wait: seconds to wait.",
        "Set-Cookie": "The cookie of a new visitor, or its renewal.",
        "Vary": "`Origin`, for caches.",
    }
)

_READ = frozenset(name.lower().encode() for name in REQUEST_HEADERS)
# Credentials are read completely. Of other headers the beginning says enough, and caches that hold thousands of
# them must not hold as many bytes as strangers like.
_WHOLE = frozenset({b"authorization", b"cookie", b"footfall-key"})
MAX_HEADER_LENGTH = 1_000
# Between the lines of a header that comes in several (RFC 9110 5.3, of cookies RFC 9113 8.2.3).
_SEPARATOR, _COOKIE_SEPARATOR = b", ", b"; "


@dataclass(slots=True)
class Request:
    """A request without its body, and without the headers that the collector does not read."""

    headers: dict[bytes, bytes]
    ip: str
    is_secure: bool

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> "Request":
        """The request of an ASGI scope."""
        read: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _READ:
                if name in read:
                    value = read[name] + (_COOKIE_SEPARATOR if name == b"cookie" else _SEPARATOR) + value
                read[name] = value if name in _WHOLE else value[:MAX_HEADER_LENGTH]
        client = scope.get("client")
        return cls(read, client[0] if client else "unknown", scope["scheme"] == "https")

    def header(self, name: bytes) -> str | None:
        """The value of a header; of one that came in several lines, all of them."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def text(self, name: bytes) -> str | None:
        """The value of a header that holds text of people: UTF-8, as programs send it today, else Latin-1."""
        value = self.headers.get(name)
        try:
            return None if value is None else value.decode()
        except UnicodeDecodeError:
            return self.header(name)

    @property
    def opts_out(self) -> bool:
        """Whether the visitor opted out of tracking: Global Privacy Control, or Do Not Track."""
        gpc, dnt = self.headers.get(b"sec-gpc"), self.headers.get(b"dnt")
        return (gpc is not None and b"1" in gpc.split(_SEPARATOR)) or (
            dnt is not None and b"1" in dnt.split(_SEPARATOR)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The sender of a request. All None: nobody who is known, such as somebody who opted out."""

    user_id: str | None = None
    session_id: str | None = None
    # The browser, known by a cookie: of an anonymous visitor, and of a user who has it too.
    visitor_id: str | None = None
    # The name of the backend that sends on its user's behalf.
    backend: str | None = None
    # Whether the visitor came without a cookie, so that `visitor_id` was made for this request.
    is_new_visitor: bool = False
    # The Set-Cookie header for a visitor who is new, or whose cookie is renewed.
    set_cookie: str | None = None
