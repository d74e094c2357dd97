"""What is known about the pipeline's health, and how the live page shows it. No I/O."""

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dashboard.render.panel import Rows

# Dead letters are counted up to here.
MAX_DEAD_LETTERS = 10_000
# The trend compares a lag with the one so many polls ago.
_TREND_POLLS = 12
# With less lag than this a consumer keeps up.
_MIN_LAG = 100


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """The lag of a consumer of `events`, in events, and how long the oldest of them has been pending."""

    consumer: str
    events: int
    oldest_pending_ms: int


@dataclass(frozen=True, slots=True)
class StorageHealth:
    """What Postgres says about itself; the columns of sql/storage_health.sql.

    Times are milliseconds since 1970, 0 for none. `dead_letters` is `MAX_DEAD_LETTERS` if there are more.
    """

    dead_letters: int = 0
    newest_dead_letter_at: int = 0
    audited_day: str = ""
    maintained_at: int = 0
    days_that_differ: int = 0
    landed_at: int = 0
    canary_at: int = 0
    canary: str = ""


class PipelineHealth:
    """The newest results of the polls. A result that failed is not shown any longer; an error says why."""

    def __init__(self, *, has_postgres: bool) -> None:
        self._lags: Sequence[ConsumerLag] = ()
        # Lags in events by consumer, of the last polls without a failure between them.
        self._history: deque[dict[str, int]] = deque(maxlen=_TREND_POLLS)
        self._storage: StorageHealth | None = None
        self._kafka_error = ""
        self._postgres_error = "" if has_postgres else "FOOTFALL_POSTGRES_DSN is not set"

    def set_lags(self, lags: Sequence[ConsumerLag]) -> None:
        """Kafka answered."""
        self._history.append({lag.consumer: lag.events for lag in lags})
        self._lags, self._kafka_error = lags, ""

    def set_storage(self, storage: StorageHealth) -> None:
        """Postgres answered."""
        self._storage, self._postgres_error = storage, ""

    def set_kafka_unavailable(self) -> None:
        """Kafka did not answer."""
        self._lags, self._kafka_error = (), "Kafka is unavailable"
        self._history.clear()

    def set_postgres_unavailable(self, error: str) -> None:
        """Postgres did not answer, or has no tables yet."""
        self._storage, self._postgres_error = None, error

    def consumer_rows(self) -> Rows:
        """The rows of the panel `consumers`."""
        return {lag.consumer: [lag.events, lag.oldest_pending_ms, self._trend(lag)] for lag in self._lags}

    def facts(self) -> dict[str, Any]:
        """Everything else, by name."""
        errors = {"kafka_error": self._kafka_error, "postgres_error": self._postgres_error}
        return errors | (asdict(self._storage) if self._storage else {})

    def _trend(self, lag: ConsumerLag) -> str:
        if lag.events < _MIN_LAG:
            return "keeps up"
        before = self._history[0].get(lag.consumer, lag.events)
        if lag.events > before * 1.2:
            return "growing"
        return "shrinking" if lag.events < before * 0.8 else "steady"
