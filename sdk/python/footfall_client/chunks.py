"""Where events wait: in memory, or in files that the next process finds. A chunk is what goes into one request."""

import contextlib
import itertools
import json
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

# Another process takes over the files of one that has shown no sign of life for so long.
ORPHAN_SECONDS = 60.0
_SUFFIX, _ALIVE = ".events", ".alive"
# When this process began, about. What has its number and is older was left by another one, as in a container.
_BORN = time.time() - 0.05


class Chunk(Protocol):
    """Events as lines of JSON."""

    # When the first event came in, and before when it may not be sent, by the monotonic clock.
    opened_at: float
    ready_at: float
    events: int
    size: int
    # How often its request failed although others did not.
    failures: int
    # How many requests had succeeded when it failed last.
    successes: int

    def append(self, line: bytes) -> None:
        """Add an event. Raise OSError if it cannot be stored; then the chunk is as before."""
        ...

    def seal(self) -> None:
        """Nothing will be added."""
        ...

    def lines(self) -> list[bytes]:
        """The events. Those that the disk has damaged are left out."""
        ...

    def remove(self) -> None:
        """All events are done."""
        ...


class Store(Protocol):
    """Makes chunks."""

    def new(self) -> Chunk:
        """An empty chunk. Raise OSError if there is no place for it."""
        ...

    def adopt(self, max_bytes: int) -> Iterable[Chunk]:
        """Chunks that other processes left, of about so many bytes. Needs no lock."""
        ...

    def close(self) -> None:
        """This process adds nothing more."""
        ...


class _Base:
    def __init__(self) -> None:
        self.opened_at = time.monotonic()
        self.ready_at = 0.0
        self.events = self.size = self.failures = self.successes = 0


class MemoryChunk(_Base):
    """A chunk that ends with the process."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[bytes] = []

    def append(self, line: bytes) -> None:
        self._lines.append(line)
        self.events += 1
        self.size += len(line) + 1

    def seal(self) -> None:
        pass

    def lines(self) -> list[bytes]:
        return self._lines

    def remove(self) -> None:
        self._lines = []


class MemoryStore:
    """Chunks in memory."""

    def new(self) -> Chunk:
        return MemoryChunk()

    def adopt(self, max_bytes: int) -> Iterable[Chunk]:
        return ()

    def close(self) -> None:
        pass


class FileChunk(_Base):
    """A chunk in a file. What is appended survives the process, as the operating system has it then."""

    def __init__(self, path: Path, descriptor: int | None = None) -> None:
        super().__init__()
        self._path, self._descriptor = path, descriptor

    def append(self, line: bytes) -> None:
        assert self._descriptor is not None
        data = line + b"\n"
        if os.write(self._descriptor, data) != len(data):  # the disk is full
            os.ftruncate(self._descriptor, self.size)
            raise OSError("the disk is full")
        self.events += 1
        self.size += len(data)

    def seal(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def lines(self) -> list[bytes]:
        return [line for line in self._read() if _is_event(line)]

    def remove(self) -> None:
        self.seal()
        self._path.unlink(missing_ok=True)

    def measure(self) -> None:
        """Count what an earlier process wrote, whether it can be read or not."""
        lines = self._read()
        self.events, self.size = len(lines), sum(map(len, lines)) + len(lines)

    def _read(self) -> list[bytes]:
        # The last line of a killed process may be cut: its `track` had not returned.
        complete, _, _cut = self._path.read_bytes().rpartition(b"\n")
        return complete.split(b"\n") if complete else []


class FileStore:
    """Files in a folder that processes of any number of machines may share. Each process has its own files.

    Two processes that take each other for dead send events twice, which their ids show; nothing is lost.
    """

    def __init__(self, folder: Path) -> None:
        """Raise OSError if the folder cannot be written."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._host = folder, socket.gethostname().replace("~", "-")
        self._name = f"{self._host}~{os.getpid()}~{os.urandom(6).hex()}"
        self._numbers = itertools.count(1)
        self._alive = folder / f"{self._name}{_ALIVE}"
        self._touched_at = -ORPHAN_SECONDS
        self._touch()

    def new(self) -> FileChunk:
        path = self._next_path()
        return FileChunk(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600))

    def adopt(self, max_bytes: int) -> Iterable[FileChunk]:
        self._touch()
        for path in sorted(self._folder.glob(f"*{_SUFFIX}"), key=_age):
            owner = path.name.rpartition("~")[0]
            if not self._is_dead(owner):
                continue
            if max_bytes <= 0:
                return
            mine = self._next_path()
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                path.rename(mine)
                chunk = FileChunk(mine)
                chunk.measure()
                max_bytes -= chunk.size
                yield chunk
        self._tidy()

    def _touch(self) -> None:
        """Show that this process lives."""
        if time.monotonic() - self._touched_at > ORPHAN_SECONDS / 6:
            self._touched_at = time.monotonic()
            self._alive.touch(mode=0o600)

    def close(self) -> None:
        self._alive.unlink(missing_ok=True)

    def _next_path(self) -> Path:
        return self._folder / f"{self._name}~{next(self._numbers):08d}{_SUFFIX}"

    def _is_dead(self, owner: str) -> bool:
        try:
            seen_at = (self._folder / f"{owner}{_ALIVE}").stat().st_mtime
        except OSError:
            return True
        host, process, _random = owner.split("~", 2) if owner.count("~") == 2 else (owner, "", "")
        if time.time() - seen_at > ORPHAN_SECONDS:
            return True
        return host == self._host and process.isdigit() and _has_ended(int(process), seen_at)

    def _tidy(self) -> None:
        for path in self._folder.glob(f"*{_ALIVE}"):
            owner = path.name.removesuffix(_ALIVE)
            if self._is_dead(owner):
                path.unlink(missing_ok=True)


def _is_event(line: bytes) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and "event_type" in event


def _has_ended(process: int, seen_at: float) -> bool:
    if process == os.getpid():
        return seen_at < _BORN
    if os.name != "posix":
        return False  # `kill` would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
