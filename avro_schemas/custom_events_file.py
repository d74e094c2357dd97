"""The file that names custom events, a line each: read, and one line added without touching the others."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from avro_schemas import contract

NAME = contract.CUSTOM_EVENTS
MAX_ABOUT_LENGTH = 500
_HEADER = "# Custom events, a line each: name and meaning. They share the schema `custom`.\n"


class NotWritten(Exception):
    """The line was not added; the message says why, and what to do."""


def read(folder: Path) -> Mapping[str, str]:
    """Names and meanings in a folder's file; empty without a file. Raise `NotWritten` if it cannot be read."""
    return _parse(_read_text(folder / NAME))


def is_name(name: str) -> bool:
    """Whether a custom event of the contract may have this name."""
    return len(name) <= 60 and contract.NAME.fullmatch(name) is not None


def line(name: str, about: str) -> str:
    """The line for an event, quoted where YAML needs it."""
    return yaml.safe_dump({name: about}, allow_unicode=True, width=float("inf")).rstrip("\n")


def with_line(text: str, name: str, about: str) -> str:
    """The text of the file with a line more, at its end. Raise `NotWritten` if the file is of another form."""
    before = _parse(text)
    start = text if text else _HEADER
    added = f"{start}{'' if start.endswith(chr(10)) else chr(10)}{line(name, about)}\n"
    if _loaded(added) != {**before, name: about}:
        raise NotWritten(f"{NAME} is not a plain list of lines. Add this one by hand: {line(name, about)}")
    return added


def add(folder: Path, name: str, about: str) -> bool:
    """Add the line for an event, all or nothing; false if the name is there already. Raise `NotWritten`."""
    about = " ".join(about.split())
    if not is_name(name):
        raise NotWritten(
            f'"{name}" cannot be in the contract: names have lower case letters, digits and underscores.'
        )
    if not 1 <= len(about) <= MAX_ABOUT_LENGTH:
        raise NotWritten(f"Say in 1 to {MAX_ABOUT_LENGTH} characters what such an event means.")
    # Where a symbolic link leads: it stays one.
    path = (folder / NAME).resolve()
    try:
        with _alone_in(folder):
            text = _read_text(path)
            if name in _parse(text):
                return False
            _replace(path, with_line(text, name, about))
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotWritten(
            f"{path} cannot be written ({reason}). Add this line to it: {line(name, about)}"
        ) from error
    return True


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise NotWritten(f"{path} cannot be read: {error}.") from error


def _parse(text: str) -> dict[str, str]:
    named = _loaded(text)
    match named:
        case None:
            return {}
        case dict() if all(isinstance(text, str) for line in named.items() for text in line):
            return named
    raise NotWritten(f"{NAME} must have a line for each event: its name, a colon, its meaning.")


def _loaded(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise NotWritten(f"{NAME} is not YAML: {' '.join(str(error).split())}.") from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two writers at once would each lose the other's line."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, also after a crash."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".custom_events.", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(path.stat().st_mode if path.exists() else 0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
