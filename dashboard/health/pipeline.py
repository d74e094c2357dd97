"""What is known of the pipeline's health, and how it is told. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dashboard.render.panels import Rows

# Lags that a trend is seen in.
_KEPT = 12
# Below this a backlog is not worth a word.
_NEGLIGIBLE = 100


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a reader of `events` is behind: events, and how long the oldest of them waits (ms)."""

    reader: str
    events: int
    waits_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What Postgres says: dead letters, audited days, when maintenance and landing last ran, the canary.

    Times in milliseconds since 1970, 0 where there is none. `dead_letters` stops counting at `MAX_DEAD_LETTERS`.
    """

    dead_letters: int = 0
    last_dead_letter: int = 0
    audited_day: str = ""
    maintained_at: int = 0
    days_that_differ: int = 0
    landed_at: int = 0
    canary_at: int = 0
    canary: str = ""


MAX_DEAD_LETTERS = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """The newest answers; `trouble` says in words why one is missing."""

    lags: Sequence[Lag] = ()
    kafka_trouble: str = ""
    stored: Stored | None = None
    postgres_trouble: str = ""


class Pipeline:
    """Holds the newest answers, and the lags before, for the trend."""

    def __init__(self, *, has_postgres: bool) -> None:
        trouble = "" if has_postgres else "FOOTFALL_POSTGRES_DSN is not set"
        self._known = Known(postgres_trouble=trouble)
        self._before: deque[dict[str, int]] = deque(maxlen=_KEPT)

    def took_lags(self, lags: Sequence[Lag]) -> None:
        """Kafka answered."""
        self._before.append({lag.reader: lag.events for lag in lags})
        self._known = replace(self._known, lags=lags, kafka_trouble="")

    def took_stored(self, stored: Stored) -> None:
        """Postgres answered."""
        self._known = replace(self._known, stored=stored, postgres_trouble="")

    def lost_kafka(self) -> None:
        """Kafka did not answer; what it said before is shown no longer."""
        self._known = replace(self._known, lags=(), kafka_trouble="Kafka does not answer")
        self._before.clear()

    def lost_postgres(self, trouble: str) -> None:
        """Postgres did not answer."""
        self._known = replace(self._known, stored=None, postgres_trouble=trouble)

    def readers(self) -> Rows:
        """A row a reader."""
        return {lag.reader: [lag.events, lag.waits_ms, self._trend(lag)] for lag in self._known.lags}

    def facts(self) -> dict[str, Any]:
        """Everything else, by name."""
        stored = self._known.stored
        told: dict[str, Any] = {
            "kafka_trouble": self._known.kafka_trouble,
            "postgres_trouble": self._known.postgres_trouble,
        }
        if stored:
            told |= {
                "dead_letters": stored.dead_letters,
                "last_dead_letter": stored.last_dead_letter,
                "audited_day": stored.audited_day,
                "maintained_at": stored.maintained_at,
                "days_that_differ": stored.days_that_differ,
                "landed_at": stored.landed_at,
                "canary_at": stored.canary_at,
                "canary": stored.canary,
            }
        return told

    def _trend(self, lag: Lag) -> str:
        if lag.events < _NEGLIGIBLE:
            return "keeps up"
        before = self._before[0].get(lag.reader, lag.events)
        if lag.events > before * 1.2:
            return "growing"
        return "shrinking" if lag.events < before * 0.8 else "steady"
