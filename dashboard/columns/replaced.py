"""Files of this process that were replaced: deleted when no question reads them any more."""

import time
from collections.abc import Iterable
from pathlib import Path

# As long as a question may still read a file that was replaced.
_UNUSED_SECONDS = 900.0


class Replaced:
    """Remembers when files were replaced."""

    def __init__(self) -> None:
        self._files: list[tuple[float, str]] = []

    def add(self, paths: Iterable[str]) -> None:
        """Whoever asks from now on does not read these."""
        self._files += [(time.monotonic(), path) for path in paths]

    def delete_unused(self) -> None:
        """Delete those that were replaced long ago."""
        old = time.monotonic() - _UNUSED_SECONDS
        for _at, path in [each for each in self._files if each[0] < old]:
            Path(path).unlink(missing_ok=True)
        self._files = [each for each in self._files if each[0] >= old]
