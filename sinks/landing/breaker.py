"""Stops landing if so many records become dead letters that the deployment is broken, not the records. No I/O."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sinks.landing.errors import TooManyDeadLetters
from sinks.landing.rows import DeadLetter

WINDOW = 10_000
MAX_SHARE = 0.01
MAX_CONSECUTIVE = 100


@dataclass(frozen=True, slots=True)
class Streak:
    """Dead letters of a partition at consecutive offsets, the last of them just before `next`."""

    next: int
    length: int


class CircuitBreaker:
    """Counts dead letters among the last records, and rejects the batch that would make them too many."""

    def __init__(self, *, accept: bool = False) -> None:
        # True once an operator has accepted any number of dead letters.
        self._accept = accept
        # Records and dead letters of the last committed batches: the fewest batches that hold `WINDOW` records.
        self._window: deque[tuple[int, int]] = deque()
        # Of each partition, the streak that its last dead letter belongs to. The next batch may continue it.
        self._streaks: dict[int, Streak] = {}

    def check(self, records: int, dead_letters: Sequence[DeadLetter]) -> None:
        """Raise TooManyDeadLetters if this batch must not be committed. Changes nothing: it may be tried again."""
        if self._accept or not dead_letters:
            return
        seen = max(WINDOW, records + sum(count for count, _dead in self._window))
        dead = len(dead_letters) + sum(dead for _count, dead in self._window)
        _streaks, max_length = streaks(dead_letters, self._streaks)
        if dead > seen * MAX_SHARE:
            raise _too_many(f"{dead} of the last {seen:,} records cannot land")
        if max_length >= MAX_CONSECUTIVE:
            raise _too_many(f"{max_length} consecutive records cannot land")

    def committed(self, records: int, dead_letters: Sequence[DeadLetter]) -> None:
        """Count a batch that was committed."""
        self._streaks, _max_length = streaks(dead_letters, self._streaks)
        self._window.append((records, len(dead_letters)))
        while sum(count for count, _dead in self._window) - self._window[0][0] >= WINDOW:
            self._window.popleft()


def streaks(dead_letters: Sequence[DeadLetter], before: dict[int, Streak]) -> tuple[dict[int, Streak], int]:
    """The last streak of each partition, continuing those of `before`; and the length of the longest new one."""
    found, max_length = dict(before), 0
    for each in sorted(dead_letters, key=lambda each: (each.partition, each.offset)):
        streak = found.get(each.partition)
        length = streak.length + 1 if streak and streak.next == each.offset else 1
        found[each.partition] = Streak(each.offset + 1, length)
        max_length = max(max_length, length)
    return found, max_length


def _too_many(finding: str) -> TooManyDeadLetters:
    return TooManyDeadLetters(
        f"{finding}. Landing stops before it stores them as dead letters; `footfall dead-letters list` shows "
        "earlier ones. Deploy a fix, and landing goes on by itself; or set "
        "FOOTFALL_ACCEPT_DEAD_LETTERS=true to store all of them."
    )
