"""One snapshot of Postgres: what it says of days and hours, and the rows of a time as a CSV file."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from dashboard.columns.layout import Layout
from dashboard.columns.plan import DAY, DayState
from dashboard.sql import queries


class Snapshot:
    """A transaction in which everything is read as of one moment."""

    def __init__(self, connection: psycopg.Connection, layout: Layout) -> None:
        self._connection, self._layout = connection, layout

    def days(self, first: int, end: int) -> Sequence[DayState]:
        """The days that overlap a time, whole and in order; those without rows are left out."""
        since, until = _moment(first // DAY * DAY), _moment(-(-end // DAY) * DAY)
        period = {"since": since, "until": until}
        by_day: dict[int, dict[int, int]] = defaultdict(dict)
        for hour, rows in self._connection.execute(queries["landed_hours"], period).fetchall():
            by_day[hour // DAY * DAY][hour] = rows
        changed = {row[0]: row[1:] for row in self._connection.execute(queries["changed_days"], period).fetchall()}
        return [_day(start, hours, *changed.get(start, (0, 0, False, False))) for start, hours in by_day.items()]

    def count(self, first: int, end: int) -> int:
        """How many hot rows have ids of a time."""
        counted = "select count(*) from raw_events where event_id >= id_from(%s) and event_id < id_from(%s)"
        (rows,) = self._connection.execute(counted, [_moment(first), _moment(end)]).fetchone() or (0,)
        return int(rows)

    def write_csv(self, first: int, end: int, target: Path) -> int:
        """Write the rows whose ids are of a time. Return how many they are."""
        # Columns are constants of the code, times are ours: there are no parameters in COPY.
        query = (
            f"copy (select {self._layout.select_list} from events_between('{_moment(first).isoformat()}',"
            f" '{_moment(end).isoformat()}')) to stdout (format csv)"
        )
        with target.open("wb") as file, self._connection.cursor() as cursor:
            with cursor.copy(query.encode()) as copy:
                for data in copy:
                    file.write(data)
            return cursor.rowcount


def _day(
    start: int, hours: dict[int, int], erased: int, dropped: int, is_uncertain: bool, is_packed: bool
) -> DayState:
    return DayState(
        start=start,
        hours={hour: rows for hour, rows in hours.items() if rows},
        erased=erased,
        dropped=dropped,
        is_uncertain=is_uncertain,
        is_packed=is_packed,
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
