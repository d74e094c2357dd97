"""Makes the files of closed hours and days: of rows of Postgres, and of other files."""

import logging
from collections.abc import Iterable, Sequence

from dashboard.columns.engine import Engine
from dashboard.columns.folder import Folder, meta_of
from dashboard.columns.layout import Layout
from dashboard.columns.plan import DAY, Behind, DayState, Plan, Source, is_as_counted, plan, version_of
from dashboard.columns.select import rows_of
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.tail import Tail

log = logging.getLogger(__name__)

# A file, and what has the rows that it lacks: how many each.
Lacking = tuple[Behind, Sequence[tuple[Source, int]]]
# When a file is written again: so a row is written again only as often as the file grows by a part.
_PART, _MANY_ROWS = 16, 100_000


class DayFiles:
    """The files of a folder. `tail` keeps those that are for one question only."""

    def __init__(self, folder: Folder, engine: Engine, layout: Layout, tail: Tail) -> None:
        self._folder, self._engine, self._layout, self._tail = folder, engine, layout, tail
        # Days whose rows are not those that the counts say, with their version.
        self._miscounted: dict[int, str] = {}

    def can_be_made(self, day: DayState, end: int) -> bool:
        """Whether the hours of a day before a time can be in files."""
        if day.is_uncertain or day.is_gone or end <= day.start:
            return False
        return self._miscounted.get(day.start) != version_of([day], day.start, end)

    def make_missing(
        self, snapshot: Snapshot, start: int, end: int, unknown: frozenset[tuple[str, int]]
    ) -> DayState:
        """Make what files lack of a day before a time: one file, if there is none yet. Return the day."""
        (day,) = snapshot.days(start, start + DAY)
        planned = plan([day], self._folder.files, start, end, unknown)
        if day.is_packed or not planned.sources:
            self.made(snapshot, day, start, end)
        else:
            for missing in planned.missing:
                self.made(snapshot, day, missing.first, missing.end)
        return day

    def made(self, snapshot: Snapshot, day: DayState, first: int, end: int) -> tuple[Source, int]:
        """A new file of hours of a day, and how many rows it has.

        If they are not those that the counts say, it is only for this question.
        """
        written = self._folder.new_path()
        try:
            meta = meta_of(day, first, end)
            csvs = snapshot.csv_files(self._layout, first, end, self._engine.new_path)
            rows = self._engine.write_csvs(self._layout, csvs, written, meta)
            if rows != snapshot.copied:
                raise OSError(f"{rows} of {snapshot.copied} rows were written")
            if is_as_counted(day, first, end, rows):
                return Source(self._folder.add(written, meta).path, first, end), rows
            self._miscounted[day.start] = version_of([day], first, end)
            log.warning("a day has other rows than its counts say; the audit tells which", extra={"rows": rows})
            return Source(str(self._tail.adopt(written)), first, end), rows
        finally:
            written.unlink(missing_ok=True)

    def put_together(self, day: DayState, planned: Plan, later: Iterable[Lacking]) -> bool:
        """Make one file of all that a day is in, if it is over. Return whether there was something to do."""
        if len(planned.sources) < 2:
            return False
        its = (source for _behind, sources in later for source, _rows in sources)
        self._write(day, day.start, day.start + DAY, [*planned.sources, *its])
        return True

    def renew(self, planned: Plan, later: Lacking) -> bool:
        """Write a file again with what it lacks, if that is much and all its hours are in use. Return whether."""
        behind, sources = later
        file, day = behind.file, behind.day
        rows = sum(rows for _source, rows in sources)
        if rows <= _MANY_ROWS and rows * _PART <= sum(file.hours.values()):
            return False
        if not planned.uses_all_of(behind):
            return False
        own = Source(file.path, file.first, file.end)
        self._write(day, file.first, file.end, [own, *(source for source, _rows in sources)])
        return True

    def _write(self, day: DayState, first: int, end: int, sources: Sequence[Source]) -> None:
        """Make a file of hours of a day from others that have exactly these."""
        written, meta = self._folder.new_path(), meta_of(day, first, end)
        try:
            rows = self._engine.write(rows_of(sources), written, meta)
            if not is_as_counted(day, first, end, rows):
                raise OSError(f"hours of a day of {day.rows} rows became {rows}")
            self._folder.add(written, meta)
        finally:
            written.unlink(missing_ok=True)
