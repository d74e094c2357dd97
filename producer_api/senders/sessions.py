"""Sessions: tokens (JWT) of the application, checked against the keys it signs with."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jwt

from producer_api.errors import NotAllowed
from producer_api.senders.keys import Key, Keys

_LONGEST_ID = 200
# What a frontend sends before its own user is loaded; taken as ids they would merge all visitors into one.
_GARBAGE = frozenset(
    {"", "null", "undefined", "none", "nil", "nan", "anonymous", "guest", "[object object]", "true", "false", "0"}
)


class Session(NamedTuple):
    """Whom a token names, and until when (seconds since 1970)."""

    user_id: str | None
    session_id: str | None
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Reads tokens. `audience` and `issuer` are asked for where they are set."""

    keys: Keys
    user_claim: str
    session_claim: str
    leeway: float
    audience: str | None = None
    issuer: str | None = None

    async def read(self, token: str, now: float) -> Session:
        """The session in a token. Raise NotAllowed: expired, forged, or without a usable claim."""
        claims = await self._verify(token)
        try:
            expires = float(claims["exp"])
        except (TypeError, ValueError) as error:
            raise _forged() from error
        if now >= expires + self.leeway:
            raise NotAllowed("session_expired", "a session that has not expired")
        user_id, session_id = id_in(claims, self.user_claim), id_in(claims, self.session_claim)
        if user_id is None and session_id is None:
            names = f"{self.user_claim} or {self.session_claim}"
            raise NotAllowed("session_invalid", f"a session with a claim {names}")
        return Session(user_id, session_id, expires + self.leeway)

    async def _verify(self, token: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, ValueError) as error:
            raise _forged() from error
        for key in await self.keys.find(key_id):
            try:
                return self._decode(token, key)
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
        raise _forged()

    def _decode(self, token: str, key: Key) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.material,
            algorithms=[key.algorithm],
            leeway=self.leeway,
            audience=self.audience,
            issuer=self.issuer,
            # Expiry is checked by the caller, to tell an expired session from a forged one.
            options={
                "require": ["exp"],
                "verify_exp": False,
                "verify_aud": self.audience is not None,
                "verify_sub": False,
            },
        )
        return claims


def id_in(claims: dict[str, Any], name: str) -> str | None:
    """The id that a claim holds. Raise NotAllowed for one that names nobody."""
    value = claims.get(name)
    if value is None:
        return None
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if text.strip().lower() in _GARBAGE or len(text) > _LONGEST_ID:
        raise NotAllowed("session_invalid", f"a session whose {name} names somebody")
    return text


def _forged() -> NotAllowed:
    return NotAllowed("session_invalid", "a session signed by a key the collector knows")
