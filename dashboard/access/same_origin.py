"""Whether a request that changes something comes from our own page, and not from one of another site."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection


def is_same_origin(request: HTTPConnection) -> bool:
    """Browsers say where a form was, and scripts cannot change it. What says neither is not a browser."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
