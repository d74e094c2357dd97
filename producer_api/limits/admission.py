"""All limits of a request together: a user's here and in the cluster, and an address's or a backend's."""

import math
from dataclasses import dataclass

from producer_api import metrics
from producer_api.limits.cluster import Verdicts
from producer_api.limits.sliding_window import WINDOW, Quota
from producer_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Admission:
    """How many of the asked events pass, and what the limit that is nearest says (`retry_after` in seconds)."""

    granted: int
    name: str
    limit: int
    remaining: int
    retry_after: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit` and `RateLimit-Policy`, as the IETF's draft has them."""
        return [
            (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (self.name.encode(), self.limit, WINDOW)),
            (b"ratelimit", b'"%s";r=%d;t=%d' % (self.name.encode(), self.remaining, self.retry_after)),
        ]


class Limits:
    """Counts what senders are granted. `verdicts` knows what they sent through other collectors."""

    def __init__(self, settings: Settings, verdicts: Verdicts) -> None:
        evicted = metrics.LIMITER_EVICTIONS.inc
        self._users = Quota(settings.events_per_minute, evicted=evicted)
        self._addresses = Quota(settings.events_per_minute_per_address, evicted=evicted)
        self._sources = Quota(settings.events_per_minute_per_backend, evicted=evicted)
        self._verdicts = verdicts

    def admit(
        self, asked: int, *, user: bytes | None, address: str, source: str | None, now: float, now_ms: int
    ) -> Admission:
        """Grant as many of the asked events as every limit lets pass.

        `now` in seconds of a clock that never goes back, `now_ms` in milliseconds since 1970. A backend has
        a limit of its own instead of its address's, as it speaks for many.
        """
        name, shared = ("address", self._addresses) if source is None else ("source", self._sources)
        theirs = shared.usage((source or address).encode(), now)
        left = shared.limit - theirs.total
        if user is None:
            granted = min(asked, left)
            theirs.take(granted, now)
            return Admission(granted, name, shared.limit, left - granted, theirs.wait(now))
        ours = self._users.usage(user, now)
        blocked_ms = self._verdicts.blocked_ms(user, now_ms)
        own_left = 0 if blocked_ms else self._users.limit - ours.total
        granted = min(asked, left, own_left)
        ours.take(granted, now)
        theirs.take(granted, now)
        if left < own_left and granted < asked:
            return Admission(granted, name, shared.limit, left - granted, theirs.wait(now))
        wait = math.ceil(blocked_ms / 1000) if blocked_ms else ours.wait(now)
        return Admission(granted, "user", self._users.limit, own_left - granted, wait)
