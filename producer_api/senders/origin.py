"""Which pages may post. A text/plain request has no preflight, so the server itself has to reject other sites."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from producer_api.errors import Forbidden
from producer_api.privacy.urls import normal_hostname, without_www
from service_kit.local_requests import names_this_machine

Headers = list[tuple[bytes, bytes]]

# Scheme, host and port, as browsers write them. Nothing else is repeated: anybody may send this header.
_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(?::\d{1,5})?")
_EXPOSED = b"Retry-After, RateLimit, RateLimit-Policy, Footfall-Sender"


class AllowedOrigins:
    """The listed origins and, where this machine is trusted, those of its own pages: development servers."""

    def __init__(self, listed: Collection[str], *, trust_loopback: bool = False) -> None:
        self._listed, self._trust_loopback = frozenset(listed), trust_loopback

    def __contains__(self, origin: str | None) -> bool:
        if origin is None or origin in self._listed:
            return origin is not None
        return self._trust_loopback and names_this_machine(origin.partition("://")[2])


def require_allowed(origin: str | None, fetch_site: str | None, host: str, allowed: AllowedOrigins) -> None:
    """Raise Forbidden unless the request comes from our own origin, a listed one, or not from a page at all."""
    # Pages cannot set Sec-Fetch-Site. It is same-origin also where a proxy rewrites Host or Origin is hidden.
    if fetch_site == "same-origin" or origin in allowed:
        return
    if origin is None:
        # Servers and command lines send no Origin. A browser that hides it still sends Sec-Fetch-Site.
        if fetch_site in (None, "none"):
            return
    elif fetch_site is None and _is_own(origin, host):
        return
    raise Forbidden("origin_not_allowed", _expected_of(origin))


def _expected_of(origin: str | None) -> str:
    """What would let a page post. It names the page's origin, so that its developer or operator can list it."""
    if origin and _ORIGIN.fullmatch(origin):
        return f"{origin} in FOOTFALL_ALLOWED_ORIGINS, or a page of the collector's own origin"
    return "a page of the collector's own origin, or one that shows its origin and is in FOOTFALL_ALLOWED_ORIGINS"


@lru_cache(maxsize=10_000)
def origin_host(origin: str) -> str | None:
    """The host of a page's origin; None if the browser hides it."""
    return normal_hostname(origin.partition("://")[2])


def origin_hosts(origins: Iterable[str]) -> set[str]:
    """The hosts of origins, without `www.`."""
    return {without_www(host) for origin in origins if (host := origin_host(origin))}


def cors_headers(origin: str) -> Headers:
    """The headers that let pages of an origin read the response."""
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"Origin"),
    ]


def preflight_headers(origin: str | None) -> Headers:
    """The headers of the response to OPTIONS, for any origin: the request itself is rejected if it is not allowed.

    Without them the browser would not send it, and the page could not read why.
    """
    if origin is None:
        return []
    return [
        *cors_headers(origin),
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"Authorization, Content-Type, Content-Encoding"),
        (b"access-control-max-age", b"7200"),
    ]


def _is_own(origin: str, host: str) -> bool:
    return origin.partition("://")[2] == host
