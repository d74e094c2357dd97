"""Whether visits follow their rows: an hour is recounted, in another way than visits are derived.

Each row of people is in exactly one part, each part's events have rows, and a person's visits have as many events
as the parts that they are made of.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from sinks.sql import read_statements

# Rows of packed days have no index of their ids.
_DAYS = 5
_MAX_ROWS = 20_000
_SQL = read_statements(__name__)


@dataclass(frozen=True, slots=True)
class Recount:
    """How many rows were recounted, and what was found of them."""

    hour: datetime
    rows: int
    # In no part, or in several.
    misplaced: int
    # Events of these parts that have no row.
    without_row: int
    # Persons whose visits have more or fewer events than their parts.
    persons: int

    @property
    def differs(self) -> bool:
        return bool(self.misplaced or self.without_row or self.persons)


def any_hour(now: datetime, choose: random.Random) -> datetime:
    """An hour of the last days."""
    return (now - timedelta(hours=choose.randint(0, _DAYS * 24))).replace(minute=0, second=0, microsecond=0)


def recount(connection: psycopg.Connection, hour: datetime) -> Recount | None:
    """Recount an hour. None while rows are being read again, so that visits are not complete."""
    found = connection.execute(
        _SQL["recount"], {"low": hour, "high": hour + timedelta(hours=1), "limit": _MAX_ROWS}
    ).fetchone()
    return None if found is None or found[0] is None else Recount(hour, *found)
