"""Whether visits follow their rows: an hour is recounted, in another way than visits are derived.

Each row of people is in exactly one part, of the person that its keys and the links tell; each part's events have
rows; each visitor and user of a row have a link; and a person's visits have as many events and views as the parts
that they are made of. What was found is stored, for the audit and a gauge.
"""

import random
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from sinks.sql import read_statements

# Rows of packed days have no index of their ids.
_DAYS = 5
_MAX_ROWS = 20_000
_SQL = read_statements(__name__)


@dataclass(frozen=True, slots=True)
class Recount:
    """How many rows were recounted, and what was found of them: see the comments of `visit_recounts`."""

    hour: datetime
    rows: int
    misplaced: int
    without_row: int
    of_others: int
    links: int
    persons: int

    @property
    def differs(self) -> bool:
        return bool(self.misplaced or self.without_row or self.of_others or self.links or self.persons)

    @property
    def sentence(self) -> str:
        """What differs."""
        return (
            f"Visits differ from the rows of {self.hour:%Y-%m-%d %H}:00: of {self.rows} rows {self.misplaced} are "
            f"in no part of a visit or in several, {self.of_others} in one of somebody else; {self.without_row} "
            f"events have no row, {self.links} links are missing, and the visits of {self.persons} persons do not "
            "add up. All visits are derived again if FOOTFALL_VISIT_GAP_MINUTES is changed, and once more when it "
            "is changed back."
        )


def choose_hour(connection: psycopg.Connection, now: datetime, choose: random.Random) -> datetime:
    """The hour to recount: one that differed, or any of the last days."""
    last_days = {"since": now - timedelta(days=_DAYS)}
    for (differed,) in connection.execute(_SQL["hour_that_differed"], last_days):
        return datetime.fromtimestamp(differed.timestamp(), UTC)
    return (now - timedelta(hours=choose.randint(0, _DAYS * 24))).replace(minute=0, second=0, microsecond=0)


def recount(connection: psycopg.Connection, hour: datetime) -> Recount | None:
    """Recount an hour. None while rows are being read again, so that visits are not complete."""
    found = connection.execute(
        _SQL["recount"], {"low": hour, "high": hour + timedelta(hours=1), "limit": _MAX_ROWS}
    ).fetchone()
    return None if found is None or found[0] is None else Recount(hour, *found)


def store(connection: psycopg.Connection, found: Recount) -> None:
    """Store what was found of an hour."""
    connection.execute(_SQL["store"], asdict(found))
    connection.execute(_SQL["forget_old"])


def stored(connection: psycopg.Connection) -> list[Recount]:
    """What was found of each hour when it was last recounted."""
    return [Recount(*columns) for columns in connection.execute(_SQL["stored"]).fetchall()]
