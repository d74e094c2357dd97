"""Which users are over the limit across all collectors, according to the stream app's topic `user-rates`."""

import time
from collections.abc import Callable, Sequence

from avro_schemas.record_key import user_key_of
from avro_schemas.wire.codec import decode_values
from producer_api import metrics
from service_kit.kafka.record import KafkaRecord

# A verdict covers the last minute, so the last two minutes of the topic hold every verdict that still matters.
LOOK_BACK_MS = 120_000
# Expired verdicts are dropped when there are more than this, and again whenever their number has doubled.
_CLEANUP_SIZE = 10_000


class ClusterLimits:
    """Until when each user is over the limit. Users below it are not held."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        self._wall_clock = wall_clock
        self._blocked_until: dict[bytes, int] = {}
        self._cleanup_size = _CLEANUP_SIZE

    def blocked_ms(self, user_key: bytes, now: int) -> int:
        """For how many more milliseconds a user is over the limit; 0 if not. `now` in ms since 1970."""
        until = self._blocked_until.get(user_key)
        return max(0, until - now) if until else 0

    def apply(self, _partition: int, records: Sequence[KafkaRecord]) -> None:
        """Apply new records of `user-rates`."""
        for rate in decode_values((record.value for record in records), "user_rate"):
            user_key = user_key_of(rate["user_key"].encode())
            if user_key is None:
                continue  # a record of others; an error would end the follower, which would meet it again
            if rate["blocked_until"] is None:
                self._blocked_until.pop(user_key, None)
            else:
                self._blocked_until[user_key] = rate["blocked_until"]
        self._drop_expired()
        metrics.LIMITED_USERS.set(len(self._blocked_until))

    def _drop_expired(self) -> None:
        if len(self._blocked_until) > self._cleanup_size:
            now = self._wall_clock() * 1000
            self._blocked_until = {key: until for key, until in self._blocked_until.items() if until > now}
            self._cleanup_size = max(_CLEANUP_SIZE, 2 * len(self._blocked_until))
