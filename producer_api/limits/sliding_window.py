"""How many events a sender may still send: an exact sliding minute, in bounded memory."""

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW = 60.0
MAX_KEYS = 200_000


@dataclass(slots=True)
class Usage:
    """What one sender was granted in the minute. Times are in seconds of a clock that never goes back."""

    total: int = 0
    # When how many were granted, oldest first.
    runs: deque[tuple[float, int]] = field(default_factory=deque)

    def take(self, granted: int, now: float) -> None:
        """Count what was granted."""
        if granted:
            self.runs.append((now, granted))
            self.total += granted

    def wait(self, now: float) -> int:
        """Whole seconds until the oldest granted events leave the minute, at least one."""
        return max(1, math.ceil(self.runs[0][0] + WINDOW - now)) if self.runs else 1

    def forget_before(self, moment: float) -> None:
        """Let go of what was granted at this moment or earlier."""
        while self.runs and self.runs[0][0] <= moment:
            self.total -= self.runs.popleft()[1]


class Quota:
    """The minute of every sender. `evicted` is called when one is forgotten too early, to bound memory."""

    def __init__(
        self, limit: int, *, max_keys: int = MAX_KEYS, evicted: Callable[[], None] = lambda: None
    ) -> None:
        self.limit = limit
        self._max_keys, self._evicted = max_keys, evicted
        # By last use: idle keys are at the front.
        self._usages: OrderedDict[bytes, Usage] = OrderedDict()

    def usage(self, key: bytes, now: float) -> Usage:
        """What a sender used of the minute before `now`."""
        usage = self._usages.get(key)
        if usage is None:
            self._make_room(now)
            usage = self._usages[key] = Usage()
        else:
            usage.forget_before(now - WINDOW)
            self._usages.move_to_end(key)
        return usage

    def _make_room(self, now: float) -> None:
        """Forget who sent nothing for a minute, and the one idle for longest if that is not enough."""
        while self._usages:
            key, usage = next(iter(self._usages.items()))
            if usage.runs and usage.runs[-1][0] > now - WINDOW:
                if len(self._usages) < self._max_keys:
                    return
                self._evicted()
            del self._usages[key]
