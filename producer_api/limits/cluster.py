"""Who is over the limit in the whole cluster, as the stream app tells on `user-rates`."""

import time
from collections.abc import Sequence

from avro_schemas.wire.codec import decode_values
from producer_api import metrics
from service_kit.kafka import KafkaRecord

# A verdict is about the last minute; a log that is two minutes old holds all that matter.
LOOK_BACK_MS = 120_000
_TIDY_ABOVE = 10_000


class Verdicts:
    """Until when each user is over the limit; users below it are not kept."""

    def __init__(self) -> None:
        self._blocked_until: dict[bytes, int] = {}
        self._tidy_above = _TIDY_ABOVE

    def blocked_ms(self, user_key: bytes, now: int) -> int:
        """For how many more milliseconds a user is over the limit; 0 if not. `now` in ms since 1970."""
        until = self._blocked_until.get(user_key)
        return max(0, until - now) if until else 0

    def take(self, records: Sequence[KafkaRecord]) -> None:
        """What the newest records of `user-rates` say."""
        for rate in decode_values((record.value for record in records), "user_rate"):
            self._take(rate["user_key"], rate["blocked_until"])
        self._tidy()
        metrics.LIMITED_USERS.set(len(self._blocked_until))

    def _take(self, user_key: bytes, blocked_until: int | None) -> None:
        if blocked_until is None:
            self._blocked_until.pop(user_key, None)
        else:
            self._blocked_until[user_key] = blocked_until

    def _tidy(self) -> None:
        """Forget verdicts whose time is over, when they became many."""
        if len(self._blocked_until) > self._tidy_above:
            now = time.time_ns() // 1_000_000
            self._blocked_until = {key: until for key, until in self._blocked_until.items() if until > now}
            self._tidy_above = max(_TIDY_ABOVE, 2 * len(self._blocked_until))
