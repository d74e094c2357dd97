"""A folder of an S3 bucket, or of what speaks like one.

Who may read and write says the environment, as with other tools: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
`AWS_REGION`, `AWS_ENDPOINT_URL`; or the role of the machine or pod. The library is imported at first use: whoever
has no bucket need not install it.
"""

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

SCHEME = "s3://"
# As S3 defines names of buckets; some servers allow more.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# What every server stores under the same name: no empty parts, no dots alone, nothing to be quoted.
_PART = re.compile(r"(?!\.\.?$)[\w.=@+-]{1,200}", re.ASCII)
_CONNECT, _TIMEOUT, _RETRIES = timedelta(seconds=5), timedelta(minutes=10), timedelta(seconds=15)
_MAX_RETRIES = 3
_MAX_SAID = 200


class BucketUnavailable(OSError):
    """The bucket does not answer, or refuses; the message says which one and why."""


class BucketsNotInstalled(ValueError):
    """The library is missing; the message says how to install it."""

    def __init__(self) -> None:
        super().__init__("Buckets need an extra: pip install 'footfall[buckets]'.")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of a bucket. The tag is another one if the file is."""

    bytes: int
    tag: str
    # When, in seconds since 1970.
    modified: float


def bucket_url(text: str) -> None:
    """The check of a setting: raise ValueError with what it must be."""
    _parts(text)


def require_library() -> None:
    """Raise BucketsNotInstalled without what reads buckets."""
    if importlib.util.find_spec("obstore") is None:
        raise BucketsNotInstalled


def is_bucket(text: str) -> bool:
    """Whether a place is a bucket, if anything."""
    return text.startswith(SCHEME)


def _parts(url: str) -> tuple[str, str]:
    name, _, prefix = url.removeprefix(SCHEME).partition("/")
    parts = prefix.removesuffix("/").split("/") if prefix else []
    if not is_bucket(url) or not _BUCKET.fullmatch(name) or not all(map(_PART.fullmatch, parts)):
        raise ValueError("a bucket, as s3://BUCKET or s3://BUCKET/FOLDER, of letters, digits and . _ - = + @")
    return name, "/".join(parts)


class Bucket:
    """The files below a URL, by name. Each appears when it is complete."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raise ValueError, BucketsNotInstalled."""
        self.url = url.removesuffix("/")
        name, prefix = _parts(url)
        require_library()
        import obstore

        self._obstore = obstore
        self._store = _s3(name, prefix)

    def list(self, folder: str) -> Mapping[str, Stored]:
        """The files of a folder, by their names in it; those of folders below it are left out."""
        with self._said("list"):
            pages = self._obstore.list(self._store, prefix=folder)
            found = [(each["path"].removeprefix(f"{folder}/"), each) for page in pages for each in page]
        return {name: _stored(each) for name, each in found if "/" not in name}

    def folders(self) -> Sequence[str]:
        """The folders that have files, by their names."""
        with self._said("list"):
            return self._obstore.list_with_delimiter(self._store)["common_prefixes"]

    def find(self, name: str) -> Stored | None:
        """A file, if there is one."""
        with self._said("look at"):
            try:
                return _stored(self._obstore.head(self._store, name))
            except FileNotFoundError:
                return None

    def read(self, name: str) -> bytes | None:
        """What a small file holds; None if there is none."""
        with self._said("read"):
            try:
                return bytes(self._obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None

    def fetch(self, name: str, target: Path) -> bool:
        """Copy a file to this machine. Return whether there is one."""
        with self._said("read"):
            try:
                found = self._obstore.get(self._store, name)
            except FileNotFoundError:
                return False
            size = found.meta["size"]
            with target.open("wb") as file:
                written = sum(file.write(chunk) for chunk in found)
            if written != size:
                raise BucketUnavailable(f"{self.url}/{name}: {written} of {size} bytes arrived")
            return True

    def write(self, name: str, content: bytes | Path) -> str:
        """Make or replace a file. Return its tag."""
        with self._said("write to"):
            return self._obstore.put(self._store, name, content)["e_tag"] or ""

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; those that are gone already do not matter."""
        with self._said("delete from"):
            for name in names:
                try:
                    self._obstore.delete(self._store, name)
                except FileNotFoundError:
                    continue

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """The library's own words are long, and name its source."""
        try:
            yield
        except (self._obstore.exceptions.BaseError, PermissionError) as error:
            why = " ".join(str(error).partition("\n\nDebug source:")[0].split())
            raise BucketUnavailable(f"cannot {what} {self.url}: {why[:_MAX_SAID]}") from error


def _stored(meta: Any) -> Stored:
    return Stored(meta["size"], meta["e_tag"] or "", meta["last_modified"].timestamp())


def _s3(name: str, prefix: str) -> Any:
    from obstore.store import S3Store

    options: dict[str, Any] = {
        "prefix": prefix or None,
        "client_options": {"connect_timeout": _CONNECT, "timeout": _TIMEOUT},
        "retry_config": {"max_retries": _MAX_RETRIES, "retry_timeout": _RETRIES},
    }
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        options["endpoint"] = endpoint
        options["client_options"]["allow_http"] = endpoint.startswith("http://")
    return S3Store(name, **options)
