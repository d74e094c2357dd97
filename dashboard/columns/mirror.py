"""Column files in a bucket, for dashboards that share no folder, and for pods that lose theirs.

Questions are answered from the folder; the bucket has copies of it. A file has the name of what it holds and
never changes, so whoever lacks one fetches it instead of making it from Postgres, and two that make the same file
may both send it. Who deletes a file that is not in use any more deletes it in the bucket, too.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from dashboard.columns.folder import is_abandoned
from service_kit.bucket import Bucket, BucketUnavailable

log = logging.getLogger(__name__)

# Whoever writes to the bucket cannot have files written elsewhere.
_NAME = re.compile(r"\w[\w-]{0,99}\.(?!part$)[a-z]{1,20}", re.ASCII)
# A bucket that does not answer is left alone so long: files are made from Postgres meanwhile.
_REST_SECONDS = 60.0


class Mirror:
    """The copies of a folder. One thread at a time uses it."""

    def __init__(self, bucket: Bucket, root: Path) -> None:
        self._bucket, self._root = bucket, root
        # What was in the bucket: if it is gone, another dashboard has deleted it.
        self._seen: set[str] = set()
        self._silent_until = float("-inf")

    def fetch(self, folders: Iterable[str]) -> None:
        """Copy what the folders lack from the bucket."""
        self._unless_silent(self._fetch, folders)

    def send(self, folders: Iterable[str]) -> None:
        """Copy what the bucket has never had from the folders."""
        self._unless_silent(self._send, folders)

    def delete(self, names: Iterable[str]) -> None:
        """Delete in the bucket what was deleted here; names begin with that of the folder."""
        self._unless_silent(lambda name: self._bucket.delete([name]), names)

    def delete_abandoned(self, used: Collection[str]) -> None:
        """Delete in the bucket what is of other layouts, and of nobody any more; `used`: folders."""
        self._unless_silent(lambda _all: self._delete_abandoned(used), [""])

    def _delete_abandoned(self, used: Collection[str]) -> None:
        for folder in set(self._bucket.folders()) - set(used):
            files = self._bucket.list(folder)
            newest = max((each.modified for each in files.values()), default=0.0)
            if is_abandoned(folder, newest):
                self._bucket.delete(f"{folder}/{name}" for name in files if _NAME.fullmatch(name))

    def _unless_silent(self, work: Callable[[str], None], names: Iterable[str]) -> None:
        if time.monotonic() < self._silent_until:
            return
        try:
            for name in names:
                work(name)
        except BucketUnavailable as error:
            self._silent_until = time.monotonic() + _REST_SECONDS
            log.warning("column files are not copied to or from the bucket now", extra={"error": str(error)})

    def _fetch(self, folder: str) -> None:
        found = {name for name in self._bucket.list(folder) if _NAME.fullmatch(name)}
        self._seen |= {f"{folder}/{name}" for name in found}
        for name in sorted(found - self._names(folder)):
            part = self._root / folder / f"{uuid.uuid4().hex}.part"
            try:
                if self._bucket.fetch(f"{folder}/{name}", part):
                    part.replace(self._root / folder / name)
            finally:
                part.unlink(missing_ok=True)

    def _send(self, folder: str) -> None:
        for name in sorted(self._names(folder)):
            if (path := f"{folder}/{name}") not in self._seen:
                try:
                    self._bucket.write(path, self._root / folder / name)
                except FileNotFoundError:
                    continue  # it was replaced meanwhile
                self._seen.add(path)

    def _names(self, folder: str) -> set[str]:
        return {path.name for path in (self._root / folder).iterdir() if _NAME.fullmatch(path.name)}
