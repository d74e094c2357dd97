"""Tickets: what a browser keeps after somebody gave the token. They tell nothing of it, and end. Pure."""

import hashlib
import hmac

COOKIE = "footfall_dashboard"
LASTS_SECONDS = 30 * 86_400


def ticket(token: str, now: float) -> str:
    """A ticket for who has the token, from `now` (seconds since 1970) on."""
    expires = str(int(now) + LASTS_SECONDS)
    return f"{expires}.{_signature(token, expires)}"


def is_good(offered: str, token: str, now: float) -> bool:
    """Whether a ticket was made with this token and has not ended; a new token ends all tickets."""
    expires, _, signature = offered.partition(".")
    if not (expires.isascii() and expires.isdigit() and len(expires) < 16):
        return False
    return hmac.compare_digest(signature.encode(), _signature(token, expires).encode()) and now < int(expires)


def is_token(offered: str, token: str) -> bool:
    """Whether it is the token, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(offered.encode(), token.encode())


def _signature(token: str, expires: str) -> str:
    return hmac.new(token.encode(), b"ticket " + expires.encode(), hashlib.sha256).hexdigest()
