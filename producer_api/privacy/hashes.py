"""Keyed hashes: who sent an event is only ever kept as one."""

import hmac
from functools import lru_cache

KEY_SIZE = 16
DAY_MS = 86_400_000


class Hasher:
    """HMAC-SHA256 cut to 16 bytes. Users and sessions keep their hash, an address has one a day."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._cached = lru_cache(maxsize=50_000)(self._hash)

    def user_key(self, user_id: str) -> bytes:
        """The key of a user."""
        return self._cached("user:" + user_id)

    def session_key(self, session_id: str) -> bytes:
        """The key of a session."""
        return self._cached("session:" + session_id)

    def ip_hash(self, address: str, now: int) -> bytes:
        """The hash of an address on the UTC day of `now` (milliseconds since 1970)."""
        return self._cached(f"address:{now // DAY_MS}:{address}")

    def derived_key(self, purpose: str) -> bytes:
        """A signing key for another purpose, so that one secret serves both without mixing."""
        return hmac.digest(self._key, f"key:{purpose}".encode(), "sha256")

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")[:KEY_SIZE]
