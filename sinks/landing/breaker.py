"""Stops landing if so many records become dead letters that the deployment is broken, not the records. No I/O.

A broken deployment shows in the records of many senders. Those of one sender never stop landing for the others,
however many they are: they become dead letters. An id that was used twice is always a fault of senders, also if
they are many: a page that is cached with an id in it gives the same one to all who see it.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from avro_schemas.reasons import CONFLICT
from sinks.landing.errors import TooManyDeadLetters
from sinks.landing.rows import DeadLetter

WINDOW = 10_000
MAX_SHARE = 0.01
MAX_CONSECUTIVE = 100
# Of each sender, so many dead letters count for the share. It takes ten senders to reach 1 % of the window.
MAX_PER_SENDER = 10
MIN_SENDERS = 10

# Records without a key count as those of one sender.
Sender = bytes | None


@dataclass(frozen=True, slots=True)
class Streak:
    """Dead letters of a partition at consecutive offsets, the last of them just before `next`.

    `senders` are at most `MIN_SENDERS` of those who sent them.
    """

    next: int
    length: int
    senders: frozenset[Sender] = frozenset()

    @property
    def is_too_long(self) -> bool:
        return self.length >= MAX_CONSECUTIVE and len(self.senders) >= MIN_SENDERS


class CircuitBreaker:
    """Counts dead letters among the last records, and rejects the batch that would make them too many."""

    def __init__(self, *, accept: bool = False) -> None:
        # True once an operator has accepted any number of dead letters.
        self._accept = accept
        # Records and dead letters by sender of the last committed batches: the fewest that hold `WINDOW` records.
        self._window: deque[tuple[int, Counter[Sender]]] = deque()
        # Of each partition, the streak that its last dead letter belongs to. The next batch may continue it.
        self._streaks: dict[int, Streak] = {}

    def check(self, records: int, dead_letters: Sequence[DeadLetter]) -> None:
        """Raise TooManyDeadLetters if this batch must not be committed. Changes nothing: it may be tried again."""
        dead_letters = _of_deployment(dead_letters)
        if self._accept or not dead_letters:
            return
        seen = max(WINDOW, records + sum(count for count, _dead in self._window))
        dead = _by_sender(dead_letters)
        for _count, earlier in self._window:
            dead.update(earlier)
        if sum(min(count, MAX_PER_SENDER) for count in dead.values()) > seen * MAX_SHARE:
            raise _too_many(f"{dead.total()} of the last {seen:,} records cannot land")
        _streaks, too_long = streaks(dead_letters, self._streaks)
        if too_long:
            raise _too_many(f"{too_long.length} consecutive records cannot land")

    def committed(self, records: int, dead_letters: Sequence[DeadLetter]) -> None:
        """Count a batch that was committed."""
        dead_letters = _of_deployment(dead_letters)
        self._streaks, _too_long = streaks(dead_letters, self._streaks)
        self._window.append((records, _by_sender(dead_letters)))
        while sum(count for count, _dead in self._window) - self._window[0][0] >= WINDOW:
            self._window.popleft()


def streaks(
    dead_letters: Sequence[DeadLetter], before: dict[int, Streak]
) -> tuple[dict[int, Streak], Streak | None]:
    """The last streak of each partition, continuing those of `before`; and the longest one that is too long."""
    found, too_long = dict(before), list[Streak]()
    for each in sorted(dead_letters, key=lambda each: (each.partition, each.offset)):
        streak = found.get(each.partition)
        if streak is None or streak.next != each.offset:
            streak = Streak(each.offset, 0)
        senders = streak.senders if len(streak.senders) >= MIN_SENDERS else streak.senders | {each.key}
        streak = found[each.partition] = Streak(each.offset + 1, streak.length + 1, senders)
        if streak.is_too_long:
            too_long.append(streak)
    return found, max(too_long, key=lambda streak: streak.length, default=None)


def _of_deployment(dead_letters: Sequence[DeadLetter]) -> Sequence[DeadLetter]:
    """Those that a broken deployment may be the reason of."""
    return [each for each in dead_letters if each.reason != CONFLICT]


def _by_sender(dead_letters: Sequence[DeadLetter]) -> Counter[Sender]:
    return Counter(each.key for each in dead_letters)


def _too_many(finding: str) -> TooManyDeadLetters:
    return TooManyDeadLetters(
        f"{finding}. Landing stops before it stores them as dead letters; `footfall dead-letters list` shows "
        "earlier ones. Deploy a fix, and landing goes on by itself; or set "
        "FOOTFALL_ACCEPT_DEAD_LETTERS=true to store all of them."
    )
