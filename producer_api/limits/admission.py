"""All rate limits of a request together: the user's, here and in the cluster, and the IP's or the backend's."""

import hashlib
import math
import socket
from collections.abc import Callable
from dataclasses import dataclass

from producer_api.limits.cluster import ClusterLimits
from producer_api.limits.sliding_window import WINDOW, SlidingWindow

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
    """Counts what senders are granted, in memory. `cluster` knows who is over the limit across all collectors.

    `per_user`, `per_ip` and `per_backend` are events per minute. `on_evict` is called when a count is dropped.
    """

    def __init__(
        self,
        cluster: ClusterLimits,
        *,
        per_user: int,
        per_ip: int,
        per_backend: int,
        on_evict: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster = cluster
        self._users = SlidingWindow(per_user, on_evict=on_evict)
        self._ips = SlidingWindow(per_ip, on_evict=on_evict)
        self._backends = SlidingWindow(per_backend, on_evict=on_evict)

    def admit(
        self, requested: int, *, user: bytes | None, ip: str, backend: str | None, now: float, now_ms: int
    ) -> Admission:
        """Grant as many of the requested events as all limits allow.

        `now` is in seconds of a monotonic clock, `now_ms` in milliseconds since 1970. A backend has a limit of its
        own instead of its IP's, because it sends for many users.
        """
        name, window = ("ip", self._ips) if backend is None else ("backend", self._backends)
        shared = window.usage(network_of(ip) if backend is None else backend.encode(), now)
        shared_left = window.limit - shared.total
        if user is None:
            granted = min(requested, shared_left)
            shared.add(granted, now)
            return Admission(granted, name, window.limit, shared_left - granted, shared.retry_after(now))
        own = self._users.usage(user, now)
        blocked_ms = self._cluster.blocked_ms(user, now_ms)
        own_left = 0 if blocked_ms else self._users.limit - own.total
        granted = min(requested, shared_left, own_left)
        own.add(granted, now)
        shared.add(granted, now)
        if shared_left < own_left and granted < requested:
            return Admission(granted, name, window.limit, shared_left - granted, shared.retry_after(now))
        retry_after = math.ceil(blocked_ms / 1000) if blocked_ms else own.retry_after(now)
        return Admission(granted, "user", self._users.limit, own_left - granted, retry_after)


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
