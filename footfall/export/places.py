"""Where exported files are: a folder of this machine, or of a bucket. A file appears there when it is complete."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from service_kit.bucket import Bucket, BucketsNotInstalled, is_bucket

_UNFINISHED = ".events-*"


class UnusablePlace(Exception):
    """Nothing can be exported there; the message says what to do."""


class Place(Protocol):
    """Keeps files by name."""

    @property
    def name(self) -> str:
        """What the user called it."""

    def open(self) -> AbstractContextManager[Path]:
        """A folder for what is not complete. Raise UnusablePlace if another export writes there."""

    def read(self, name: str) -> bytes | None:
        """What a small file holds; None if there is none. Raise OSError."""

    def has(self, name: str) -> bool:
        """Whether there is a file."""

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a small file."""

    def publish(self, complete: Path, name: str) -> str:
        """Make or replace a file by one of this machine. Return its tag, which is empty in a folder."""

    def is_as_written(self, name: str, sha256: str, tag: str) -> bool:
        """Whether a file is there as it was published. Raise OSError if nobody can say."""


def place_of(text: str) -> Place:
    """The place that a user names. Raise UnusablePlace."""
    try:
        if is_bucket(text):
            return InBucket(Bucket(text))
    except BucketsNotInstalled as error:
        raise UnusablePlace(str(error)) from error
    except ValueError as error:
        raise UnusablePlace(f"{text}: it must be {error}.") from error
    if "://" in text:
        raise UnusablePlace(f"{text}: it must be a folder, or a bucket as s3://BUCKET/FOLDER.")
    return InFolder(Path(text))


class InFolder:
    """Files of a folder of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    @contextmanager
    def open(self) -> Iterator[Path]:
        """The folder itself, so that a complete file only has to be renamed."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            folder = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise UnusablePlace(f"{self.name} cannot be a folder: {error.strerror}.") from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Of an export that was killed.
            for path in self._path.glob(_UNFINISHED):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            yield self._path
        except BlockingIOError as error:
            raise UnusablePlace(f"Another export writes to {self.name}: wait until it has ended.") from error
        finally:
            os.close(folder)

    def read(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return (self._path / name).read_bytes()
        return None

    def has(self, name: str) -> bool:
        return (self._path / name).exists()

    def write(self, name: str, content: bytes) -> None:
        part = self._path / f".{name}.part"
        part.write_bytes(content)
        part.replace(self._path / name)

    def publish(self, complete: Path, name: str) -> str:
        with complete.open("rb") as file:
            os.fsync(file.fileno())
        complete.replace(self._path / name)
        return ""

    def is_as_written(self, name: str, sha256: str, tag: str) -> bool:
        with suppress(FileNotFoundError):
            return sha256_of(self._path / name) == sha256
        return False


class InBucket:
    """Files of a bucket. What they hold is not read again: the bucket's tag is another one if they change."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.name = bucket.url

    @contextmanager
    def open(self) -> Iterator[Path]:
        """A temporary folder. Exports at the same time write the same rows: the last one wins."""
        with tempfile.TemporaryDirectory(prefix="footfall-export-") as folder:
            yield Path(folder)

    def read(self, name: str) -> bytes | None:
        return self._bucket.read(name)

    def has(self, name: str) -> bool:
        return self._bucket.find(name) is not None

    def write(self, name: str, content: bytes) -> None:
        self._bucket.write(name, content)

    def publish(self, complete: Path, name: str) -> str:
        tag = self._bucket.write(name, complete)
        complete.unlink()
        return tag

    def is_as_written(self, name: str, sha256: str, tag: str) -> bool:
        found = self._bucket.find(name)
        return found is not None and found.tag == tag


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
