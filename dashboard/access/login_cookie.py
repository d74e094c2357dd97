"""The login cookie, set after somebody typed the token. It does not reveal the token, and it expires. No I/O."""

import hashlib
import hmac

NAME = "footfall_dashboard"
MAX_AGE_SECONDS = 30 * 86_400


def issue(token: str, now: float) -> str:
    """The value of a cookie for somebody who knows the token; `now` in seconds since 1970."""
    expires = str(int(now) + MAX_AGE_SECONDS)
    return f"{expires}.{_signature(token, expires)}"


def is_valid(value: str, token: str, now: float) -> bool:
    """Whether the value was issued for this token and has not expired. A new token invalidates all cookies."""
    expires, _, signature = value.partition(".")
    if not (expires.isascii() and expires.isdigit() and len(expires) < 16):
        return False
    return hmac.compare_digest(signature.encode(), _signature(token, expires).encode()) and now < int(expires)


def is_token(text: str, token: str) -> bool:
    """Whether the text is the token, in constant time, so that timing does not reveal how much of it is right."""
    return hmac.compare_digest(text.encode(), token.encode())


def _signature(token: str, expires: str) -> str:
    return hmac.new(token.encode(), b"login " + expires.encode(), hashlib.sha256).hexdigest()
