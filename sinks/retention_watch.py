"""Says when Kafka will delete events before they land: retention was shortened, or the sinks are far behind."""

import logging
from collections.abc import Callable, Mapping

from avro_schemas.topic import EVENTS
from service_kit.kafka.topic_description import ExistingTopic

log = logging.getLogger(__name__)

_RETENTION = "retention.ms"


class RetentionWatch:
    """Holds how long Kafka retains `events`, as far as it says so; `lag_seconds` is how far landing is behind."""

    def __init__(self, lag_seconds: Callable[[], float]) -> None:
        self._lag_seconds = lag_seconds
        self._retention_seconds: float | None = None

    def note(self, existing: Mapping[str, ExistingTopic]) -> None:
        """Take over what brokers report."""
        found = existing.get(EVENTS)
        milliseconds = ((found and found.config) or {}).get(_RETENTION, "")
        # -1 is for ever.
        self._retention_seconds = int(milliseconds) / 1000 if milliseconds.isdigit() else None
        if reason := self.reason():
            log.error("%s", reason)

    def reason(self) -> str | None:
        """Why the service is not ready; None while at least half of the retention is left."""
        lag = self._lag_seconds()
        if self._retention_seconds is None or lag <= self._retention_seconds / 2:
            return None
        return (
            f"landing is {lag / 3600:.1f} h behind, and Kafka deletes events after"
            f" {self._retention_seconds / 3600:.1f} h: raise {_RETENTION} of {EVENTS} until it has caught up"
        )
