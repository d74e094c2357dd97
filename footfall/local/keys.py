"""The keys of the local stack, generated once, so that hashes and sessions stay valid across restarts."""

import json
import os
import secrets
from pathlib import Path

NAMES = ("FOOTFALL_HASH_KEY", "FOOTFALL_SESSION_KEY")
_POSTGRES_PASSWORD = "postgres_password"


def read_or_create(folder: Path) -> dict[str, str]:
    """The keys as environment variables, from `secrets.json`, which only its owner can read."""
    keys = _read_or_create(folder, NAMES)
    return {name: keys[name] for name in NAMES}


def existing(folder: Path) -> dict[str, str]:
    """The same, of a stack that has run before; empty if none has."""
    return {name: key for name, key in _read(folder / "secrets.json").items() if name in NAMES}


def postgres_password(folder: Path) -> str:
    """The password of the stack's own Postgres, from the same file."""
    return _read_or_create(folder, (_POSTGRES_PASSWORD,))[_POSTGRES_PASSWORD]


def _read_or_create(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    path = folder / "secrets.json"
    keys = _read(path)
    if missing := [name for name in names if name not in keys]:
        keys |= {name: secrets.token_hex(32) for name in missing}
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(keys, file)
        part.replace(path)
    return keys


def _read(path: Path) -> dict[str, str]:
    try:
        keys: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return keys
