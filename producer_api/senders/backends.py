"""Backends that send on behalf of users. Each has a name, a key, and a rate limit of its own."""

import hashlib
import re
from collections.abc import Mapping

from producer_api.errors import Forbidden
from service_kit.setting_checks import hard_to_guess

MIN_KEY_LENGTH = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")


class BackendKeys:
    """The backends by the hash of their key, so that the time of a lookup reveals nothing about a key."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._names = {_hash(key): name for name, key in keys.items()}

    def name_of(self, key: str) -> str:
        """The name of the backend with this key. Raise Forbidden if there is none."""
        name = self._names.get(_hash(key))
        if name is None:
            raise Forbidden("backend_key_invalid", "a key from FOOTFALL_BACKEND_KEYS in the header Footfall-Key")
        return name


def parse_keys(text: str) -> dict[str, str]:
    """Read `name=key` pairs, separated by commas or line breaks. Raise ValueError for anything else."""
    keys: dict[str, str] = {}
    for pair in re.split(r"[,\n]", text):
        if not pair.strip():
            continue
        name, _, key = pair.strip().partition("=")
        if not _NAME.fullmatch(name) or len(key) < MIN_KEY_LENGTH:
            raise ValueError(
                f"name=key pairs, with names such as billing and keys of at least {MIN_KEY_LENGTH} characters"
            )
        if name in keys or key in keys.values():
            raise ValueError("name=key pairs in which no name and no key appears twice")
        hard_to_guess(key)
        keys[name] = key
    return keys


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
