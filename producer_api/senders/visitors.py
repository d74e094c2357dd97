"""Visitors, that is browsers: a signed first-party cookie that holds a random id and nothing else."""

import hmac
import uuid
from typing import NamedTuple

import jwt

COOKIE = "footfall_visitor"
# Browsers take a cookie with this prefix over TLS only, and only for the host itself: no other host of the domain
# can set one that names somebody else.
SECURE_COOKIE = f"__Host-{COOKIE}"
_DAY_SECONDS = 86_400
# No JWT that the same key signs begins like this.
_FIRST_EVENT = "first event"
_ID_BYTES = 16


class Visitor(NamedTuple):
    """A visitor's id, and when the cookie expires (seconds since 1970)."""

    visitor_id: str
    expires: float


def cookie_name(*, secure: bool) -> str:
    """The name of the cookie, which depends on whether the request came over TLS."""
    return SECURE_COOKIE if secure else COOKIE


class VisitorCookies:
    """Makes and verifies the cookie. `key` signs it; it lasts `days` after the last visit."""

    def __init__(self, key: bytes, days: int) -> None:
        self._key, self._seconds = key, days * _DAY_SECONDS

    def verify(self, token: str | None, now: float) -> Visitor | None:
        """The visitor that a cookie names; None if there is no cookie, or it is forged or expired."""
        if not token:
            return None
        try:
            claims = jwt.decode(
                token, self._key, algorithms=["HS256"], options={"require": ["exp", "vid"], "verify_exp": False}
            )
            visitor = Visitor(str(claims["vid"]), float(claims["exp"]))
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        return visitor if now < visitor.expires else None

    def new(self, now: float) -> Visitor:
        """A visitor who is seen for the first time."""
        return Visitor(uuid.uuid4().hex, now + self._seconds)

    def new_by_event(self, event_id: str, ip: str, user_agent: str, now: float) -> Visitor:
        """A visitor whose first event has this id of its own: the same one if the event is sent again.

        The answer to a first visit, with the cookie, may be lost. Nobody else can make this visitor: it takes the
        event's id, the address and the browser. Where a page that is cached holds an id for all who see it, only
        those with the same address and the same browser become one visitor.
        """
        text = "\0".join((_FIRST_EVENT, event_id, ip, user_agent))
        visitor_id = hmac.digest(self._key, text.encode(errors="replace"), "sha256")[:_ID_BYTES].hex()
        return Visitor(visitor_id, now + self._seconds)

    def needs_renewal(self, visitor: Visitor, now: float) -> bool:
        """Whether half of the cookie's lifetime is over. So visitors who come back keep their id."""
        return visitor.expires - now < self._seconds / 2

    def set_cookie(self, visitor: Visitor, now: float, *, secure: bool, other_site: bool) -> str:
        """The Set-Cookie header. Pages of other sites can only get the cookie over TLS."""
        token = jwt.encode({"vid": visitor.visitor_id, "exp": int(now + self._seconds)}, self._key, "HS256")
        same_site = "None" if other_site and secure else "Lax"
        flags = "; Secure" if secure else ""
        value = f"{cookie_name(secure=secure)}={token}"
        return f"{value}; Path=/; Max-Age={self._seconds}; HttpOnly; SameSite={same_site}{flags}"
