"""How many events and bytes a sender may still send: an exact sliding minute, in bounded memory. No I/O."""

import math
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

WINDOW = 60.0
# About 370 bytes each: 95 MB. There are two windows that strangers can fill, that of users and that of IPs.
MAX_KEYS = 250_000
_FIELDS = 3


@dataclass(slots=True)
class Usage:
    """What one sender sent within the window. Times are in seconds of a monotonic clock."""

    # The sums of `requests`: events that were granted, and bytes of all requests.
    events: int = 0
    bytes: int = 0
    # Time, granted events and bytes of requests in turn, oldest first. (A deque would take 600 bytes for one.)
    requests: "array[float]" = field(default_factory=lambda: array("d"))
    # What is in front of this has expired.
    begin: int = 0

    def add(self, now: float, *, events: int = 0, size: int = 0) -> None:
        """Count events that were granted, or bytes. What happens at the same moment is one request."""
        requests = self.requests
        if requests and requests[-_FIELDS] == now:
            requests[-2] += events
            requests[-1] += size
        else:
            requests.extend((now, events, size))
        self.events += events
        self.bytes += size

    def seconds_until_event(self, now: float) -> int:
        """Whole seconds until the oldest granted events leave the window, at least one."""
        requests, begin = self.requests, self.begin
        if begin < len(requests) and requests[begin + 1]:  # nearly always
            oldest = requests[begin]
        else:
            oldest = next((moment for moment, events, _size in self._entries() if events), now - WINDOW)
        return max(1, math.ceil(oldest + WINDOW - now))

    def seconds_until_bytes(self, limit: int, now: float) -> int:
        """Whole seconds until there are fewer bytes than `limit` in the window, at least one."""
        left = self.bytes
        for moment, _events, size in self._entries():
            left -= int(size)
            if left < limit:
                return max(1, math.ceil(moment + WINDOW - now))
        return 1

    def expire(self, moment: float) -> None:
        """Forget what was sent at this moment or earlier."""
        requests, begin = self.requests, self.begin
        while begin < len(requests) and requests[begin] <= moment:
            self.events -= int(requests[begin + 1])
            self.bytes -= int(requests[begin + 2])
            begin += _FIELDS
        if begin * 2 > len(requests):  # moving what is left each time would take longer than all else
            del requests[:begin]
            begin = 0
        self.begin = begin

    def _entries(self) -> Iterator[tuple[float, float, float]]:
        values = islice(self.requests, self.begin, None)
        return zip(values, values, values, strict=True)

    @property
    def newest(self) -> float:
        """When something was sent last; minus infinity if nothing was."""
        return self.requests[-_FIELDS] if self.requests else -math.inf


class SlidingWindow:
    """The usage of every sender, who may send `limit` events each.

    `on_evict` is called when a sender is forgotten too early, to bound memory.
    """

    def __init__(
        self, limit: int, *, max_keys: int = MAX_KEYS, on_evict: Callable[[], None] = lambda: None
    ) -> None:
        self.limit = limit
        self._max_keys, self._on_evict = max_keys, on_evict
        # In the order of last use: idle senders are at the front.
        self._usages: OrderedDict[bytes, Usage] = OrderedDict()

    def usage(self, key: bytes, now: float) -> Usage:
        """What a sender sent in the window that ends at `now`."""
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
