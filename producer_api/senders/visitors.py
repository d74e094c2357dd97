"""Visitors without a session: a first-party cookie that the collector signs, with a random id and nothing else."""

import uuid
from typing import NamedTuple

import jwt

COOKIE = "footfall_visitor"
_DAY_SECONDS = 86_400


class Visitor(NamedTuple):
    """A visitor's id, and until when it is good (seconds since 1970)."""

    visitor_id: str
    expires: float


class Visitors:
    """Makes and reads the cookie. `key` signs it, `days` is how long it lasts after the last visit."""

    def __init__(self, key: bytes, days: int) -> None:
        self._key, self._seconds = key, days * _DAY_SECONDS

    def read(self, token: str | None, now: float) -> Visitor | None:
        """The visitor that a cookie names; None without one, or where it is forged or old."""
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
        """A visitor seen for the first time."""
        return Visitor(uuid.uuid4().hex, now + self._seconds)

    def is_due(self, visitor: Visitor, now: float) -> bool:
        """Whether half of the cookie's time is over, so that those who come back keep theirs."""
        return visitor.expires - now < self._seconds / 2

    def cookie(self, visitor: Visitor, now: float, *, secure: bool, other_site: bool) -> str:
        """The Set-Cookie header; pages of other sites can only have it over TLS."""
        token = jwt.encode({"vid": visitor.visitor_id, "exp": int(now + self._seconds)}, self._key, "HS256")
        same_site = "None" if other_site and secure else "Lax"
        flags = "; Secure" if secure else ""
        return f"{COOKIE}={token}; Path=/; Max-Age={self._seconds}; HttpOnly; SameSite={same_site}{flags}"
