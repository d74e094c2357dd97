"""How many events a sender may still send: an exact sliding minute, in bounded memory. No I/O."""

import math
from array import array
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW = 60.0
# About 350 bytes each: 90 MB. There are two windows that strangers can fill, that of users and that of IPs.
MAX_KEYS = 250_000


@dataclass(slots=True)
class Usage:
    """What one sender was granted within the window. Times are in seconds of a monotonic clock."""

    # Always the sum of `grants`.
    total: int = 0
    # Times and numbers of granted events in turn, oldest first. (A deque would take 600 bytes for the first.)
    grants: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, granted: int, now: float) -> None:
        """Count what was granted."""
        if granted:
            self.grants.append(now)
            self.grants.append(granted)
            self.total += granted

    def retry_after(self, now: float) -> int:
        """Whole seconds until the oldest granted events leave the window, at least one."""
        return max(1, math.ceil(self.grants[0] + WINDOW - now)) if self.grants else 1

    def expire(self, moment: float) -> None:
        """Forget what was granted at this moment or earlier."""
        grants, left = self.grants, 0
        while left < len(grants) and grants[left] <= moment:
            self.total -= int(grants[left + 1])
            left += 2
        if left:
            del grants[:left]

    @property
    def newest(self) -> float:
        """When something was granted last; minus infinity if nothing was."""
        return self.grants[-2] if self.grants else -math.inf


class SlidingWindow:
    """The usage of every sender. `on_evict` is called when a sender is forgotten too early, to bound memory."""

    def __init__(
        self, limit: int, *, max_keys: int = MAX_KEYS, on_evict: Callable[[], None] = lambda: None
    ) -> None:
        self.limit = limit
        self._max_keys, self._on_evict = max_keys, on_evict
        # In the order of last use: idle senders are at the front.
        self._usages: OrderedDict[bytes, Usage] = OrderedDict()

    def usage(self, key: bytes, now: float) -> Usage:
        """What a sender was granted in the window that ends at `now`."""
        usage = self._usages.get(key)
        if usage is None:
            self._make_room(now)
            usage = self._usages[key] = Usage()
        else:
            usage.expire(now - WINDOW)
            self._usages.move_to_end(key)
        return usage

    def _make_room(self, now: float) -> None:
        """Forget senders that sent nothing within the window; if that is not enough, the one idle for longest."""
        while self._usages:
            key, usage = next(iter(self._usages.items()))
            if usage.newest > now - WINDOW:
                if len(self._usages) < self._max_keys:
                    return
                self._on_evict()
            del self._usages[key]
