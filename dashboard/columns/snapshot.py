"""One snapshot of Postgres: what it says of days and hours, and the rows of a time as a CSV file."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg

from dashboard.columns.layout import Layout, Table, VisitLayout
from dashboard.columns.plan import DAY, DayState
from dashboard.sql import queries

# What DuckDB sorts in memory at a time, in CSV.
_MAX_CSV_BYTES = 32 << 20
_IDS_AT_A_TIME = 10_000


class VisitChange(NamedTuple):
    """Visits of an hour that changed, and its versions before and after."""

    version_before: int
    version: int
    started_at: Sequence[datetime]


class Snapshot:
    """A transaction in which everything is read as of one moment."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self.copied = 0

    def days(self, first: int, end: int) -> Sequence[DayState]:
        """The days that overlap a time, whole and in order; those without rows are left out."""
        since, until = _moment(first // DAY * DAY), _moment(-(-end // DAY) * DAY)
        period = {"since": since, "until": until}
        by_day: dict[int, dict[int, int]] = defaultdict(dict)
        for hour, rows in self._connection.execute(queries["landed_hours"], period).fetchall():
            by_day[hour // DAY * DAY][hour] = rows
        changed = {row[0]: row[1:] for row in self._connection.execute(queries["changed_days"], period).fetchall()}
        as_of = self._as_of()
        return [
            _day(start, hours, as_of, *changed.get(start, (0, 0, False, False))) for start, hours in by_day.items()
        ]

    def ids_after_hour(self, first: int, end: int, as_of: str) -> Sequence[UUID]:
        """Rows of a time within a day that landed after their hour, since another snapshot."""
        params = {"since": _moment(first), "until": _moment(end), "as_of": as_of}
        found = self._connection.execute(queries["rows_after_hour"], params).fetchall()
        return [event_id for (event_id,) in found]

    def counts(self, first: int, end: int, step: int) -> Mapping[int, int]:
        """How many rows have ids of a time within a day, by the start of each step that has some."""
        starts = range(first, end, step)
        params = {"since": _moment(first), "until": _moment(end), "bounds": [_id_from(start) for start in starts]}
        found = self._connection.execute(queries["rows_by_step"], params).fetchall()
        return {starts[number - 1]: rows for number, rows in found}

    def versions_of_visits(self, first: int, end: int) -> Sequence[DayState]:
        """The days with visits that overlap a time. In the place of counts, each hour has a version."""
        period = {"since": _moment(first // DAY * DAY), "until": _moment(-(-end // DAY) * DAY)}
        by_day: dict[int, dict[int, int]] = defaultdict(dict)
        for hour, version in self._connection.execute(queries["visit_hours"], period).fetchall():
            by_day[hour // DAY * DAY][hour] = version
        as_of = self._as_of()
        return [DayState(start=start, hours=hours, as_of=as_of) for start, hours in by_day.items()]

    def visit_changes(self, versions: Mapping[int, int]) -> Mapping[int, Sequence[VisitChange]]:
        """What is noted of changes of visits of some hours, each since a version."""
        params = {"hours": [_moment(hour) for hour in versions], "versions": [*versions.values()]}
        by_hour = defaultdict[int, list[VisitChange]](list)
        for hour, *change in self._connection.execute(queries["visit_changes"], params).fetchall():
            by_hour[hour].append(VisitChange(*change))
        return by_hour

    def csv_files(self, table: Table, first: int, end: int, new_path: Callable[[str], Path]) -> Iterator[Path]:
        """The rows of a time, in files of a bounded size; then `copied` is their number."""
        stored = table.rows.format(first=_moment(first).isoformat(), end=_moment(end).isoformat())
        return self._copy(table, stored, new_path)

    def csv_files_of(
        self, layout: Layout, ids: Sequence[UUID], day: int, new_path: Callable[[str], Path]
    ) -> Iterator[Path]:
        """Some rows of a day, in files of a bounded size."""
        for place in range(0, len(ids), _IDS_AT_A_TIME):
            some = ",".join(map(str, ids[place : place + _IDS_AT_A_TIME]))
            stored = layout.rows_by_id.format(day=_moment(day).date(), ids=some)
            yield from self._copy(layout, stored, new_path)

    def csv_files_of_visits(
        self, layout: VisitLayout, times: Sequence[datetime], new_path: Callable[[str], Path]
    ) -> Iterator[Path]:
        """The visits that began at some times, in files of a bounded size."""
        for place in range(0, len(times), _IDS_AT_A_TIME):
            some = ",".join(time.isoformat() for time in times[place : place + _IDS_AT_A_TIME])
            yield from self._copy(layout, layout.rows_by_time.format(times=some), new_path)

    def _as_of(self) -> str:
        (as_of,) = self._connection.execute(queries["snapshot"]).fetchone() or ("",)
        return str(as_of)

    def _copy(self, table: Table, stored: str, new_path: Callable[[str], Path]) -> Iterator[Path]:
        # Columns are constants of the code, times and ids are ours: there are no parameters in COPY.
        query = f"copy (select {table.select_list} from {stored}) to stdout (format csv)"
        with self._connection.cursor() as cursor:
            with cursor.copy(query.encode()) as copy:
                rows = iter(copy)
                while path := _written(rows, new_path("csv")):
                    yield path
            self.copied = cursor.rowcount


def _written(rows: Iterator[bytes | bytearray | memoryview], path: Path) -> Path | None:
    """A file with the next rows; None if there are no more. Postgres sends each row by itself."""
    size = 0
    try:
        with path.open("wb") as file:
            for row in rows:
                size += file.write(row)
                if size >= _MAX_CSV_BYTES:
                    break
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if size:
        return path
    path.unlink()
    return None


def _day(
    start: int,
    hours: dict[int, int],
    as_of: str,
    erased: int,
    dropped: int,
    is_uncertain: bool,
    is_packed: bool,
) -> DayState:
    return DayState(
        start=start,
        hours={hour: rows for hour, rows in hours.items() if rows},
        erased=erased,
        dropped=dropped,
        is_uncertain=is_uncertain,
        is_packed=is_packed,
        as_of=as_of,
    )


def _id_from(milliseconds: int) -> str:
    """The smallest event id of a time."""
    return f"{milliseconds:012x}" + 20 * "0"


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
