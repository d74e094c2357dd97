"""How many events a user may still send: an exact sliding minute, in bounded memory."""

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW = 60.0
MOST_KEYS = 200_000


@dataclass(frozen=True, slots=True)
class Admission:
    """How many of the asked events pass, how many more would, and when more will (in seconds)."""

    granted: int
    remaining: int
    retry_after: int
    limit: int


@dataclass(slots=True)
class _Usage:
    total: int = 0
    # When how many were admitted, oldest first.
    runs: deque[tuple[float, int]] = field(default_factory=deque)

    def forget_before(self, moment: float) -> None:
        while self.runs and self.runs[0][0] <= moment:
            self.total -= self.runs.popleft()[1]


class Quota:
    """Counts admitted events by key. Times are in seconds of any clock that never goes back."""

    def __init__(
        self, limit: int, *, most_keys: int = MOST_KEYS, evicted: Callable[[], None] = lambda: None
    ) -> None:
        self.limit = limit
        self._most_keys, self._evicted = most_keys, evicted
        # By last use: idle keys are at the front.
        self._usages: OrderedDict[bytes, _Usage] = OrderedDict()

    def admit(self, key: bytes, asked: int, now: float) -> Admission:
        """Admit as many of the asked events as fit into the minute before `now`."""
        self._forget_idle(now)
        usage = self._usages.setdefault(key, _Usage())
        usage.forget_before(now - WINDOW)
        granted = min(asked, self.limit - usage.total)
        if granted > 0:
            usage.runs.append((now, granted))
            usage.total += granted
            self._usages.move_to_end(key)
        return Admission(granted, self.limit - usage.total, _wait(usage, now), self.limit)

    def _forget_idle(self, now: float) -> None:
        while self._usages:
            key, usage = next(iter(self._usages.items()))
            if usage.runs and usage.runs[-1][0] > now - WINDOW:
                if len(self._usages) < self._most_keys:
                    return
                self._evicted()
            del self._usages[key]


def _wait(usage: _Usage, now: float) -> int:
    """Whole seconds until the oldest admitted events leave the window, at least one."""
    return max(1, math.ceil(usage.runs[0][0] + WINDOW - now)) if usage.runs else 1
