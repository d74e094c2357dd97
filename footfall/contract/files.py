"""The files of the contract in a checkout, now or at a commit: schemas, the head of all events, the lock file."""

import hashlib
import json
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avro_schemas.schema import Definition, text_of

LOCK = "lock.json"
# The fields that every event begins with: new versions are made with it, published schemas stay whole.
HEAD = "schemas/_head.json"

Field = dict[str, Any]
Line = dict[str, Any]
# Subject -> version -> line
Lock = dict[str, dict[str, Line]]


@dataclass(frozen=True, slots=True)
class Contract:
    """Schemas by name and version, the head of all events, and the lock file."""

    schemas: Mapping[str, Mapping[int, Definition]]
    head: Sequence[Field]
    lock: Lock


def subject_of(definition: Definition) -> str:
    """The full name of the record."""
    return f"{definition['namespace']}.{definition['name']}"


def line(definition: Definition, schema_id: int) -> Line:
    """The line of a version in the lock file."""
    text = text_of(definition).encode()
    guid = uuid.UUID(bytes=hashlib.md5(text, usedforsecurity=False).digest())
    return {"id": schema_id, "guid": str(guid), "sha256": hashlib.sha256(text).hexdigest()}


def read(folder: Path) -> Contract:
    """The contract in a folder. Raise ValueError, which names the file, for one that is not JSON."""
    texts = {path.name: path.read_text() for path in sorted((folder / "schemas").glob("*.avsc"))}
    return _contract(texts, (folder / HEAD).read_text(), (folder / LOCK).read_text())


def read_at(folder: Path, commit: str) -> Contract | None:
    """The contract at a commit; None if there is no such commit, or no contract in it."""
    listed = _git(folder, "ls-tree", "--name-only", commit, "schemas/")
    lock = _git(folder, "show", f"{commit}:./{LOCK}")
    if listed is None or lock is None:
        return None
    schemas = [name for name in listed.split() if name.endswith(".avsc")]
    texts = {Path(name).name: _git(folder, "show", f"{commit}:./{name}") or "" for name in schemas}
    return _contract(texts, _git(folder, "show", f"{commit}:./{HEAD}") or "[]", lock)


def write_lock(folder: Path, lock: Lock) -> None:
    """Write the lock file completely, or not at all."""
    part = folder / f"{LOCK}.part"
    part.write_text(json.dumps(lock, indent=2) + "\n")
    part.replace(folder / LOCK)


def _contract(texts: Mapping[str, str], head: str, lock: str) -> Contract:
    schemas: dict[str, dict[int, Definition]] = {}
    for file_name, text in texts.items():
        name, version = file_name.removesuffix(".avsc").rsplit(".v", 1)
        try:
            schemas.setdefault(name, {})[int(version)] = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{file_name} is not JSON: {error}") from error
    try:
        return Contract(schemas, json.loads(head), json.loads(lock))
    except json.JSONDecodeError as error:
        raise ValueError(f"{HEAD} or {LOCK} is not JSON: {error}") from error


def _git(folder: Path, *arguments: str) -> str | None:
    ran = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return ran.stdout if ran.returncode == 0 else None
