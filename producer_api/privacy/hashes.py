"""Keyed hashes, the only form in which users, visitors and sessions are stored."""

import hmac
from functools import lru_cache

from avro_schemas.record_key import KEY_SIZE

_TAG_SIZE = 2


class Hasher:
    """HMAC-SHA256, cut to 16 bytes."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._cached = lru_cache(maxsize=50_000)(self._hash)

    def user_key(self, user_id: str) -> bytes:
        """The key of a user."""
        return self._cached("user:" + user_id)

    def visitor_key(self, visitor_id: str) -> bytes:
        """The key of a visitor."""
        return self._cached("visitor:" + visitor_id)

    def session_key(self, session_id: str) -> bytes:
        """The key of a session."""
        return self._cached("session:" + session_id)

    def sender_tag(self, sender_id: str) -> str:
        """Tells the few people who share a browser apart, and is too short to know anybody by."""
        return self._cached("sender:" + sender_id)[:_TAG_SIZE].hex()

    def derived_key(self, purpose: str) -> bytes:
        """A signing key for another purpose, so that one secret serves both and neither reveals the other."""
        return hmac.digest(self._key, f"key:{purpose}".encode(), "sha256")

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")[:KEY_SIZE]
