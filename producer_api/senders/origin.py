"""Which pages may post. A text/plain request has no preflight, so the server itself has to reject other sites."""

from collections.abc import Collection, Iterable
from functools import lru_cache

from producer_api.errors import Forbidden
from producer_api.privacy.urls import normal_hostname, without_www

Headers = list[tuple[bytes, bytes]]

_EXPOSED = b"Retry-After, RateLimit, RateLimit-Policy"


def require_allowed(origin: str | None, fetch_site: str | None, host: str, allowed: Collection[str]) -> None:
    """Raise Forbidden unless the request comes from our own origin, a listed one, or not from a page at all."""
    if origin is None:
        # Servers and command lines send no Origin. A browser that hides it still sends Sec-Fetch-Site.
        if fetch_site in (None, "same-origin", "none"):
            return
    elif origin in allowed or (fetch_site in (None, "same-origin") and _is_own(origin, host)):
        return
    raise Forbidden("origin_not_allowed", "a page of this origin, or an origin in FOOTFALL_ALLOWED_ORIGINS")


@lru_cache(maxsize=10_000)
def origin_host(origin: str) -> str | None:
    """The host of a page's origin; None if the browser hides it."""
    return normal_hostname(origin.partition("://")[2])


def origin_hosts(origins: Iterable[str]) -> set[str]:
    """The hosts of origins, without `www.`."""
    return {without_www(host) for origin in origins if (host := origin_host(origin))}


def cors_headers(origin: str | None, allowed: Collection[str]) -> Headers:
    """The headers that let pages of a listed origin read the response."""
    if origin is None or origin not in allowed:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"Origin"),
    ]


def preflight_headers(origin: str | None, allowed: Collection[str]) -> Headers:
    """The headers of the response to OPTIONS. Without CORS headers the browser does not send the request."""
    headers = cors_headers(origin, allowed)
    if headers:
        headers += [
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"Authorization, Content-Type, Content-Encoding"),
            (b"access-control-max-age", b"7200"),
        ]
    return headers


def _is_own(origin: str, host: str) -> bool:
    return origin.partition("://")[2] == host
