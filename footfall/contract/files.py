"""The files of a contract: the published ones, at a commit or in a folder, and writing what changed."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avro_schemas.contract import EMPTY, HEAD, LOCK, Contract, is_part, parse, read


class NothingToCompare(Exception):
    """There is no published contract at this place; the message says why."""


def published(folder: Path, against: str) -> Contract:
    """The contract at a branch or commit of the folder's repository, or in another folder.

    A folder that is not at the commit yet is an empty contract. Raise `NothingToCompare` without such a commit and
    folder, `UnusableContract` for one that cannot be read.
    """
    commit, problem = _commit(folder, against)
    if problem and Path(against).is_dir():
        return read(Path(against))
    if problem:
        raise NothingToCompare(f"{problem} There is no folder {against} either.")
    names = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit).split("\0")
    texts = {name: _git(folder, "show", f"{commit}:./{name}") for name in names if is_part(name)}
    return parse(texts) if texts else EMPTY


def write(folder: Path, before: Contract, after: Contract) -> list[Path]:
    """Write what differs, and return the paths. Where something cannot be written nothing is: OSError."""
    old, new = dict(_texts(before)), dict(_texts(after))
    changed = {folder / name: text for name, text in new.items() if old.get(name) != text}
    removed = [folder / name for name in old if name not in new]
    had = {path: path.read_bytes() if path.is_file() else None for path in (*changed, *removed)}
    try:
        for path, text in changed.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, text.encode())
        for path in removed:
            path.unlink(missing_ok=True)
    except OSError:
        for path, content in had.items():
            _put_back(path, content)
        raise
    return list(changed)


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _put_back(path: Path, content: bytes | None) -> None:
    if content is None:
        if path.is_file():
            path.unlink()
    elif not path.is_file() or path.read_bytes() != content:
        _replace(path, content)


def _texts(contract: Contract) -> Iterator[tuple[str, str]]:
    """What is written, by path. Custom events are lines that people write."""
    for name, versions in contract.schemas.items():
        for version, definition in versions.items():
            yield f"schemas/{name}.v{version}.avsc", _json(definition)
    for name, text in contract.examples.items():
        yield f"examples/{name}.json", text
    if contract.head:
        yield HEAD, _json(contract.head)
    yield LOCK, _json(contract.lock)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _commit(folder: Path, name: str) -> tuple[str, str]:
    """The commit of a branch, or why there is none."""
    try:
        if found := _git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip():
            return found, ""
        is_repository = _git(folder, "rev-parse", "--git-dir")
    except FileNotFoundError:
        return "", "git is not installed."
    if not is_repository:
        return "", f"{folder} is not in a git repository that git trusts."
    return "", f"There is no branch or commit {name}."


def _git(folder: Path, *arguments: str) -> str:
    """The output of git; empty if it failed."""
    ran = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=False)
    return ran.stdout if ran.returncode == 0 else ""
