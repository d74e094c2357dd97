"""Verifies the tokens of sessions. What a valid one allows is for each service to decide."""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jwt

from service_kit.sessions.jwks import Jwks, OnFetch
from service_kit.sessions.keys import Key, Keys, StaticKey
from service_kit.sessions.settings import SessionSettings

_KNOWN_KEY = "a session signed by a known key"

Code = Literal["session_invalid", "session_expired", "unavailable"]


class SessionRejected(Exception):
    """The token is not accepted. "unavailable": it may be valid, but the keys have not been fetched yet."""

    def __init__(self, code: Code, expected: str) -> None:
        self.code, self.expected = code, expected
        super().__init__(code)


class VerifiedToken(NamedTuple):
    """The claims of a valid token, and until when it is accepted (seconds since 1970, leeway included)."""

    claims: dict[str, Any]
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionVerifier:
    """Verifies tokens. `audience` and `issuer` are checked where they are set."""

    keys: Keys
    leeway: float
    audience: str | None = None
    issuer: str | None = None

    @classmethod
    def from_settings(cls, settings: SessionSettings, on_fetch: OnFetch) -> "SessionVerifier":
        """From settings, which must have keys; `on_fetch` is called after every fetch of a JWKS document."""
        keys: Keys
        if settings.session_jwks_url:
            keys = Jwks(settings.session_jwks_url, on_fetch)
        else:
            assert settings.session_key is not None  # the caller has looked at has_keys
            keys = StaticKey(settings.session_key.reveal())
        return cls(
            keys=keys,
            leeway=settings.session_leeway_seconds,
            audience=settings.session_audience,
            issuer=settings.session_issuer,
        )

    async def start(self) -> None:
        """Begin to fetch keys, where they come from a URL."""
        await self.keys.start()

    async def stop(self) -> None:
        """Stop fetching."""
        await self.keys.stop()

    @property
    def is_ready(self) -> bool:
        """Whether tokens can be verified."""
        return self.keys.is_loaded

    @property
    def generation(self) -> int:
        """Another number after a change of the keys: what was verified before may not be valid any more."""
        return self.keys.generation

    async def verify(self, token: str, now: float) -> VerifiedToken:
        """The claims of a token. Raise SessionRejected if it is forged, expired, or meant for others."""
        claims = await self._verified_claims(token)
        try:
            expires = float(claims["exp"]) + self.leeway
        except (TypeError, ValueError, OverflowError) as error:
            raise _invalid() from error
        if not math.isfinite(expires):
            raise _invalid()
        if now >= expires:
            raise SessionRejected("session_expired", "a session that has not expired")
        return VerifiedToken(claims, expires)

    async def _verified_claims(self, token: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, ValueError) as error:
            raise _invalid() from error
        keys = await self.keys.find(key_id)
        if not self.keys.is_loaded:
            raise SessionRejected("unavailable", "the keys of sessions, which could not be fetched yet")
        expected = _KNOWN_KEY
        for key in keys:
            try:
                return self._decode(token, key)
            except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
                expected = self._expected(error) or expected
        raise SessionRejected("session_invalid", expected)

    def _expected(self, error: Exception) -> str | None:
        """What a token lacks that a known key has signed."""
        match error:
            case jwt.ImmatureSignatureError():
                return "a session that is valid already: its claim nbf is ahead of the collector's clock"
            case jwt.InvalidAudienceError():
                return f"a session whose audience (aud) is {self.audience}"
            case jwt.InvalidIssuerError():
                return f"a session whose issuer (iss) is {self.issuer}"
            case jwt.MissingRequiredClaimError():
                return f"a session with the claim {error.claim}"
        return None

    def _decode(self, token: str, key: Key) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.material,
            algorithms=[key.algorithm],
            leeway=self.leeway,
            audience=self.audience,
            issuer=self.issuer,
            # The caller checks the expiry, to distinguish an expired session from a forged one.
            options={
                "require": ["exp"],
                "verify_exp": False,
                # It says when a token was made and limits nothing (RFC 7519 4.1.6); clocks differ.
                "verify_iat": False,
                "verify_aud": self.audience is not None,
                "verify_sub": False,
            },
        )
        return claims


def _invalid() -> SessionRejected:
    return SessionRejected("session_invalid", _KNOWN_KEY)
