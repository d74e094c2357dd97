"""Who asks column files now: a question that reads little never waits for those that read much."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

# Some million events, or half a second.
_SMALL_BYTES = 16 << 20
# At a time: a page asks two, of events and of visits. Each may use all threads of DuckDB.
_MAX_SMALL, _MAX_LARGE = 2, 2


class Turns:
    """Places for questions."""

    def __init__(self) -> None:
        self._small, self._large = asyncio.Semaphore(_MAX_SMALL), asyncio.Semaphore(_MAX_LARGE)

    def of(self, read_bytes: int) -> asyncio.Semaphore:
        """The places for a question that reads so much."""
        return self._small if read_bytes <= _SMALL_BYTES else self._large


def bytes_of(paths: Iterable[str]) -> int:
    """The size of files; of those that somebody deleted, nothing."""
    return sum(_size(Path(path)) for path in paths)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
