"""Sessions of the application that also open the dashboard: those with a role."""

import asyncio
from typing import Any

import jwt

from dashboard.settings import Settings

_ASYMMETRIC = ("RS256", "ES256", "EdDSA")
_JWKS_SECONDS = 300


class RoleSessions:
    """Checks that a token is signed by the application, has not expired, and names the role."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jwks = (
            jwt.PyJWKClient(settings.session_jwks, lifespan=_JWKS_SECONDS, timeout=5)
            if settings.session_jwks
            else None
        )

    async def opens(self, token: str) -> bool:
        """Whether the session may read."""
        try:
            key, algorithms = await self._key(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                audience=self._settings.session_audience,
                issuer=self._settings.session_issuer,
                options={"require": ["exp"], "verify_aud": self._settings.session_audience is not None},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return False
        return self._settings.dashboard_role in _roles(claims.get(self._settings.dashboard_role_claim))

    async def _key(self, token: str) -> tuple[Any, list[str]]:
        """The key, and the algorithms it is for: the key says which, never the token alone."""
        if self._jwks:
            found = await asyncio.to_thread(self._jwks.get_signing_key_from_jwt, token)
            return found.key, [found.algorithm_name]
        text = self._settings.session_key.reveal() if self._settings.session_key else ""
        return text, list(_ASYMMETRIC) if "-----BEGIN" in text else ["HS256"]


def _roles(claim: Any) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    return [role for role in claim if isinstance(role, str)] if isinstance(claim, list) else []
