"""All rate limits of a request together: the user's, here and in the cluster, and the IP's or the backend's."""

import hashlib
import math
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from producer_api.limits.cluster import ClusterLimits
from producer_api.limits.sliding_window import WINDOW, SlidingWindow, Usage

_IPV4_MAPPED = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Admission:
    """How many of the requested events pass, and the state of the limit that is closest to being reached.

    `name` is user, ip or backend. `retry_after` is in seconds.
    """

    granted: int
    name: str
    limit: int
    remaining: int
    retry_after: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit` and `RateLimit-Policy`, as the IETF's draft defines them."""
        return [
            (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (self.name.encode(), self.limit, WINDOW)),
            (b"ratelimit", b'"%s";r=%d;t=%d' % (self.name.encode(), self.remaining, self.retry_after)),
        ]


class RateLimiter:
    """Counts what senders send, in memory. `cluster` knows who is over the limit across all collectors.

    `per_user`, `per_ip` and `per_backend` are events per minute, for each of which a sender may send
    `bytes_per_event`. `on_evict` is called when a count is dropped.
    """

    def __init__(
        self,
        cluster: ClusterLimits,
        *,
        per_user: int,
        per_ip: int,
        per_backend: int,
        bytes_per_event: int,
        on_evict: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster, self._bytes_per_event = cluster, bytes_per_event
        self._users = SlidingWindow(per_user, on_evict=on_evict)
        self._ips = SlidingWindow(per_ip, on_evict=on_evict)
        self._backends = SlidingWindow(per_backend, on_evict=on_evict)

    def of(self, *, user: bytes | None, ip: str, backend: str | None, now: float, now_ms: int) -> "SenderLimits":
        """The limits of a sender: the user's, and those of its IP, or of a backend, which sends for many users.

        `now` is in seconds of a monotonic clock, `now_ms` in milliseconds since 1970.
        """
        name, window = ("ip", self._ips) if backend is None else ("backend", self._backends)
        shared = _Limit(
            name,
            window.usage(network_of(ip) if backend is None else backend.encode(), now),
            window.limit,
            window.limit * self._bytes_per_event,
        )
        if user is None:
            return SenderLimits(now, shared)
        users = self._users
        own = _Limit("user", users.usage(user, now), users.limit, users.limit * self._bytes_per_event)
        return SenderLimits(now, shared, own, self._cluster.blocked_ms(user, now_ms))


class _Limit(NamedTuple):
    """What a sender used of one limit, and what it may use."""

    name: str
    usage: Usage
    max_events: int
    max_bytes: int


@dataclass(slots=True)
class SenderLimits:
    """All limits of the sender of one request. `blocked_ms`: for how long the cluster's limit holds."""

    now: float
    shared: _Limit
    own: _Limit | None = None
    blocked_ms: int = 0

    def over_bytes(self) -> tuple[str, int, int] | None:
        """A limit whose bytes are used up: its name, the bytes per minute, the seconds until there are more."""
        for limit in (self.own, self.shared):
            if limit and limit.usage.bytes >= limit.max_bytes:
                return limit.name, limit.max_bytes, limit.usage.seconds_until_bytes(limit.max_bytes, self.now)
        return None

    def add_bytes(self, size: int) -> None:
        """Count the bytes of a request, whatever becomes of it."""
        self.shared.usage.add(self.now, size=size)
        if self.own is not None:
            self.own.usage.add(self.now, size=size)

    def admit(self, requested: int) -> Admission:
        """Grant as many of the requested events as all limits allow."""
        shared, own, now = self.shared, self.own, self.now
        shared_left = shared.max_events - shared.usage.events
        own_left = 0 if self.blocked_ms else own.max_events - own.usage.events if own else shared_left
        granted = min(requested, shared_left, own_left)
        shared.usage.add(now, events=granted)
        if own is not None:
            own.usage.add(now, events=granted)
        if own is None or (shared_left < own_left and granted < requested):
            wait = shared.usage.seconds_until_event(now)
            return Admission(granted, shared.name, shared.max_events, shared_left - granted, wait)
        wait = math.ceil(self.blocked_ms / 1000) if self.blocked_ms else own.usage.seconds_until_event(now)
        return Admission(granted, own.name, own.max_events, own_left - granted, wait)


def network_of(ip: str) -> bytes:
    """What shares the limit of an IP: the address itself, with IPv6 its /64.

    A household, and any rented machine, has a whole /64: a limit per address would be none.
    """
    try:
        if ":" not in ip:
            return socket.inet_pton(socket.AF_INET, ip)
        packed = socket.inet_pton(socket.AF_INET6, ip.partition("%")[0])
    except (OSError, ValueError):  # what a proxy calls its client can be any text
        return hashlib.blake2b(ip.encode(errors="replace"), digest_size=16).digest()
    return packed[12:] if packed.startswith(_IPV4_MAPPED) else packed[:8]
