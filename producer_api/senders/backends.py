"""Backends that send for their users: each has a name, a key and a limit of its own."""

import hashlib
import re
from collections.abc import Mapping

from producer_api.errors import NotAllowed

MIN_KEY_LENGTH = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")


class Sources:
    """Knows the keys by their hash only, so that finding one takes the same time for any."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._names = {_digest(key): name for name, key in keys.items()}

    def name_of(self, key: str) -> str:
        """The name of the backend with this key. Raise NotAllowed if nobody has it."""
        name = self._names.get(_digest(key))
        if name is None:
            raise NotAllowed("backend_key_invalid", "a key from FOOTFALL_BACKEND_KEYS in the header Footfall-Key")
        return name


def keys_in(text: str) -> dict[str, str]:
    """Read `name=key` pairs, separated by commas or line breaks. Raise ValueError for anything else."""
    keys = {}
    for pair in re.split(r"[,\n]", text):
        if not pair.strip():
            continue
        name, _, key = pair.strip().partition("=")
        if not _NAME.fullmatch(name) or len(key) < MIN_KEY_LENGTH:
            raise ValueError(
                f"name=key pairs, with names like billing and keys of {MIN_KEY_LENGTH} or more characters"
            )
        keys[name] = key
    return keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
