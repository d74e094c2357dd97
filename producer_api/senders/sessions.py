"""Who sends: a signed session (JWT) in a cookie or as a bearer token."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import jwt

from producer_api.errors import NotAllowed

ALGORITHMS = ["HS256"]
LEEWAY_SECONDS = 10
_MOST_CACHED = 10_000
_LONGEST_ID = 200
# What a frontend sends before its own user is loaded; taken as ids they would merge all visitors into one.
_GARBAGE = frozenset(
    {
        "",
        "null",
        "undefined",
        "none",
        "nil",
        "nan",
        "anonymous",
        "guest",
        "[object object]",
        "true",
        "false",
        "0",
    }
)


@dataclass(frozen=True, slots=True)
class Session:
    """Whom the session names. Both are None for a trusted sender without a session."""

    user_id: str | None = None
    session_id: str | None = None


TRUSTED = Session()


class SessionReader:
    """Checks tokens; those that were good are remembered until they expire."""

    def __init__(self, key: str, *, user_claim: str, session_claim: str) -> None:
        self._key, self._user_claim, self._session_claim = key, user_claim, session_claim
        self._good: OrderedDict[str, tuple[Session, float]] = OrderedDict()

    def read(self, token: str, now: float) -> Session:
        """The session in a token. Raise NotAllowed: expired, forged, or without a usable claim."""
        cached = self._good.get(token)
        if cached and now < cached[1]:
            return cached[0]
        claims = self._verify(token, now)
        session = Session(_id_in(claims, self._user_claim), _id_in(claims, self._session_claim))
        if session == TRUSTED:
            names = f"{self._user_claim} or {self._session_claim}"
            raise NotAllowed("session_invalid", f"a session with a claim {names}")
        self._remember(token, session, float(claims["exp"]))
        return session

    def _verify(self, token: str, now: float) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=ALGORITHMS,
                options={"require": ["exp"], "verify_exp": False, "verify_aud": False, "verify_sub": False},
            )
            expires = float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise NotAllowed("session_invalid", "a session signed by a key the collector knows") from error
        if now >= expires + LEEWAY_SECONDS:
            raise NotAllowed("session_expired", "a session that has not expired")
        return claims

    def _remember(self, token: str, session: Session, expires: float) -> None:
        self._good[token] = (session, expires)
        if len(self._good) > _MOST_CACHED:
            self._good.popitem(last=False)


def _id_in(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if text.strip().lower() in _GARBAGE or len(text) > _LONGEST_ID:
        raise NotAllowed("session_invalid", f"a session whose {name} names somebody")
    return text
