"""The schema files and the lock file as they stand in a checkout, or stood at a commit."""

import hashlib
import json
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avro_schemas.schema import Definition, text_of

LOCK = "lock.json"

Line = dict[str, Any]
# Subject -> version -> line
Lock = dict[str, dict[str, Line]]


@dataclass(frozen=True, slots=True)
class Contract:
    """Schemas by name and version, and the lock file."""

    schemas: Mapping[str, Mapping[int, Definition]]
    lock: Lock

    def subjects(self) -> dict[str, str]:
        """The name of each subject's schemas."""
        return {subject_of(versions[max(versions)]): name for name, versions in self.schemas.items()}


def subject_of(definition: Definition) -> str:
    """The full record name."""
    return f"{definition['namespace']}.{definition['name']}"


def line(definition: Definition, schema_id: int) -> Line:
    """What the lock file says of a version."""
    text = text_of(definition).encode()
    guid = uuid.UUID(bytes=hashlib.md5(text, usedforsecurity=False).digest())
    return {"id": schema_id, "guid": str(guid), "sha256": hashlib.sha256(text).hexdigest()}


def read(folder: Path) -> Contract:
    """The contract in a folder. Raise ValueError, which names the file, for one that is no JSON."""
    texts = {path.name: path.read_text() for path in sorted((folder / "schemas").glob("*.avsc"))}
    return _contract(texts, (folder / LOCK).read_text())


def read_at(folder: Path, commit: str) -> Contract | None:
    """The contract as it was at a commit; None where there is no such commit, or no contract in it."""
    listed = _git(folder, "ls-tree", "--name-only", commit, "schemas/")
    lock = _git(folder, "show", f"{commit}:./{LOCK}")
    if listed is None or lock is None:
        return None
    texts = {Path(name).name: _git(folder, "show", f"{commit}:./{name}") or "" for name in listed.split()}
    return _contract(texts, lock)


def write_lock(folder: Path, lock: Lock) -> None:
    """Write the lock file whole, or not at all."""
    part = folder / f"{LOCK}.part"
    part.write_text(json.dumps(lock, indent=2) + "\n")
    part.replace(folder / LOCK)


def _contract(texts: Mapping[str, str], lock: str) -> Contract:
    schemas: dict[str, dict[int, Definition]] = {}
    for file_name, text in texts.items():
        name, version = file_name.removesuffix(".avsc").rsplit(".v", 1)
        try:
            schemas.setdefault(name, {})[int(version)] = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{file_name} is no JSON: {error}") from error
    return Contract(schemas, json.loads(lock))


def _git(folder: Path, *arguments: str) -> str | None:
    ran = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return ran.stdout if ran.returncode == 0 else None
