"""How far visits have followed landing, and what the history says while they are behind. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from dashboard.history.query import Query

# Visits follow within seconds, and within a minute under load.
_USUAL_SECONDS = 60.0
_TOO_LOW = "People, visits and views are too low until then."


@dataclass(frozen=True, slots=True)
class VisitsProgress:
    """A row of the view `visits_progress`, which says what its columns mean."""

    behind_seconds: float
    pending: int
    incomplete_before: datetime | None

    def notices(self, query: Query) -> tuple[str, ...]:
        """What a reader of these numbers has to know."""
        first = query.previous_since if query.compare else query.since
        before = self.incomplete_before
        said = []
        if self.behind_seconds > _USUAL_SECONDS:
            said.append(f"Visits do not know yet of about {self.pending:,} events that landed. {_TOO_LOW}")
        if before and first < before:
            at = before.astimezone(query.zone)
            said.append(f"Visits that began before {at:%Y-%m-%d %H:%M} are being derived again. {_TOO_LOW}")
        return tuple(said)
