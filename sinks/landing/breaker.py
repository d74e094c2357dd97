"""When dead letters stop landing: so many of them that the deploy is bad, not the records. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sinks.landing.errors import TooManyDeadLetters
from sinks.landing.rows import DeadLetter

WINDOW = 10_000
MAX_SHARE = 0.01
MAX_CONSECUTIVE = 100


@dataclass(frozen=True, slots=True)
class Run:
    """Dead letters of a partition whose offsets follow one another, up to, not including, `next`."""

    next: int
    length: int


class Breaker:
    """Looks at dead letters among the last records; refuses the batch that makes too many of them."""

    def __init__(self, *, accept: bool = False) -> None:
        self._accept = accept
        self._window: deque[tuple[int, int]] = deque()
        self._runs: dict[int, Run] = {}

    def admit(self, records: int, letters: Sequence[DeadLetter]) -> None:
        """Raise TooManyDeadLetters before a batch is committed that must not be."""
        if self._accept or not letters:
            return
        seen = max(WINDOW, records + sum(count for count, _dead in self._window))
        dead = len(letters) + sum(dead for _count, dead in self._window)
        _runs, longest = runs(letters, self._runs)
        if dead > seen * MAX_SHARE:
            raise _too_many(f"{dead} of the last {seen:,} records cannot land")
        if longest >= MAX_CONSECUTIVE:
            raise _too_many(f"{longest} records in a row cannot land")

    def note(self, records: int, letters: Sequence[DeadLetter]) -> None:
        """Remember a batch that was committed."""
        self._runs, _longest = runs(letters, self._runs)
        self._window.append((records, len(letters)))
        while sum(count for count, _dead in self._window) - self._window[0][0] >= WINDOW:
            self._window.popleft()


def runs(letters: Sequence[DeadLetter], before: dict[int, Run]) -> tuple[dict[int, Run], int]:
    """The last run of each partition, continuing those of before, and the length of the longest."""
    found, longest = dict(before), 0
    for letter in sorted(letters, key=lambda letter: (letter.partition, letter.offset)):
        run = found.get(letter.partition)
        length = run.length + 1 if run and run.next == letter.offset else 1
        found[letter.partition] = Run(letter.offset + 1, length)
        longest = max(longest, length)
    return found, longest


def _too_many(found: str) -> TooManyDeadLetters:
    return TooManyDeadLetters(
        f"{found}: landing stops before it puts them aside. `footfall dead-letters list` shows those before. "
        "Deploy what mends it, and landing goes on by itself; or set FOOTFALL_ACCEPT_DEAD_LETTERS=true to put all "
        "of them aside."
    )
