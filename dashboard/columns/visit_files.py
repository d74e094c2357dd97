"""Column files of visits. Visits change after the fact, so Postgres gives each hour in which some began a version.

A file is exact for an hour as long as the version is the one that it was made with; then `ChangedVisits` knows
what is different. In the newest hours visits go on: their files are of this process, and often written again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.columns.changed_visits import ChangedVisits
from dashboard.columns.engine import Engine, file_of
from dashboard.columns.folder import Folder, meta_of
from dashboard.columns.followed import caught_up_plan
from dashboard.columns.layout import VisitLayout
from dashboard.columns.plan import (
    DAY,
    HOUR,
    Behind,
    ColumnFile,
    DayState,
    FilesMissing,
    Missing,
    Plan,
    Source,
    plan,
)
from dashboard.columns.replaced import Replaced
from dashboard.columns.select import Span, rows_of
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.turns import bytes_of

# Most visits that began so long ago have ended.
_OPEN_MS = 3 * HOUR
# A question reads at most so many hours from Postgres. If files lack more, Postgres answers.
_MAX_HOURS = 48
# Of a day, before they become one file.
_MAX_FILES = 6
# When so large a part changed, a file is written again: of the folder, and of this process.
_PART, _OWN_PART = 16, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRows:
    """The visits of a time: what has them, and what is another value if they changed."""

    sources: Sequence[Source]
    version: object

    @property
    def size(self) -> int:
        """Bytes of the files that are read."""
        return bytes_of(each.path for each in self.sources)


# A file that should be written again, and what has its visits now.
Renewal = tuple[Behind, Sequence[Source]]


class VisitFiles:
    """Files of visits by the time when they began. One thread at a time uses it."""

    def __init__(self, root: Path, engine: Engine, layout: VisitLayout) -> None:
        self.layout = layout
        self._engine, self.folder = engine, Folder(root, layout.name)
        self._changed = ChangedVisits(engine, layout)
        # Files of this process, by path.
        self._own: dict[str, ColumnFile] = {}
        self._replaced = Replaced()

    def rows(self, snapshot: Snapshot, period: Span) -> VisitRows:
        """The visits of a time. Raise `FilesMissing`."""
        first, end = period
        days = snapshot.versions_of_visits(first, end)
        planned = caught_up_plan(snapshot, days, self._files, first, end, self._changed)
        if sum((missing.end - missing.first) // HOUR for missing in planned.missing) > _MAX_HOURS:
            lacking = {missing.day.start for missing in planned.missing}
            raise FilesMissing(len(days) - len(lacking), len(days), 0)
        for missing in planned.missing:
            self._read(snapshot, missing)
        much = [
            each
            for each in planned.behind
            if each.file.path in self._own and self._is_much(planned, each, _OWN_PART)
        ]
        for behind in much:
            self._renew_own(behind, self._current(planned, behind))
        if planned.missing or much:
            planned = caught_up_plan(snapshot, days, self._files, first, end, self._changed)
        behind_paths = {behind.file.path for behind in planned.behind}
        sources = [
            *(each for each in planned.sources if each.path not in behind_paths),
            *(each for behind in planned.behind for each in self._left(planned, behind)),
            *self._changed.visits(planned.behind),
        ]
        hours = {hour: version for day in days for hour, version in day.hours.items() if first < hour + HOUR}
        return VisitRows(sources=sources, version=(first, end, hours))

    def plan_of(self, day: DayState, now: int) -> Plan:
        """The files of a day, as far as its visits are over."""
        return plan([day], self.folder.files, day.start, _end_of(day.start, now), self._changed.unknown)

    def changed_much(self, snapshot: Snapshot, start: int, now: int) -> Sequence[Renewal]:
        """Read what changed of a day. Return files that should be written again."""
        days = [day for day in snapshot.versions_of_visits(start, start + DAY) if day.start == start]
        end = _end_of(start, now)
        planned = caught_up_plan(snapshot, days, self.folder.files, start, end, self._changed)
        much = [each for each in planned.behind if self._is_much(planned, each, _PART)]
        return [(each, self._current(planned, each)) for each in much]

    def renew(self, behind: Behind, sources: Sequence[Source]) -> None:
        """Write a file again as its visits are now."""
        written, meta = self.folder.new_path(), meta_of(behind.day, behind.file.first, behind.file.end)
        try:
            self._engine.write(rows_of(sources), written, meta)
            self.folder.add(written, meta)
        finally:
            written.unlink(missing_ok=True)

    def build_day(self, snapshot: Snapshot, start: int, now: int) -> bool:
        """Make what a day lacks, as far as its visits are over. Return whether there was something to do."""
        days = [day for day in snapshot.versions_of_visits(start, start + DAY) if day.start == start]
        planned = self.plan_of(days[0], now) if days else Plan((), (), ())
        if planned.missing and len(planned.missing) + len(planned.sources) > _MAX_FILES:
            self._made(snapshot, days[0], start, _end_of(start, now))
        else:
            for missing in planned.missing:
                self._made(snapshot, days[0], missing.first, missing.end)
        return bool(planned.missing)

    def tidy(self, days: Sequence[DayState]) -> None:
        """Delete files that are not in use."""
        files, unknown = self.folder.files, self._changed.unknown
        used = plan(days, files, days[0].start, days[-1].start + DAY, unknown).sources if days else ()
        self.folder.remove_unused({source.path for source in used})
        # An hour is followed in one file.
        hours = {hour for file in files if file.as_of for hour in file.hours if (file.path, hour) not in unknown}
        remaining = {path: file for path, file in self._own.items() if not file.hours.keys() <= hours}
        self._replaced.add(self._own.keys() - remaining.keys())
        self._own = remaining
        self._replaced.delete_unused()
        self._changed.forget([file.path for file in self._files])

    def check(self) -> None:
        """Forget files that somebody deleted or damaged."""
        self.folder.check(self._engine)
        self._replaced.add(self._own)
        self._own = {}
        self._changed.forget(())

    @property
    def _files(self) -> Collection[ColumnFile]:
        return [*self.folder.files, *self._own.values()]

    def _is_much(self, planned: Plan, behind: Behind, part: int) -> bool:
        """Whether a file should be written again: all of it has to be in use."""
        if not planned.uses_all_of(behind):
            return False
        return self._changed.count(behind.hours) * part > self._engine.count(behind.file.path)

    def _left(self, planned: Plan, behind: Behind) -> Sequence[Source]:
        """What is used of a file without the visits that changed."""
        own = next(each for each in planned.sources if each.path == behind.file.path)
        return self._changed.sources(behind, own)

    def _current(self, planned: Plan, behind: Behind) -> Sequence[Source]:
        """What has the visits of a file as they are now."""
        return [*self._left(planned, behind), *self._changed.visits([behind])]

    def _read(self, snapshot: Snapshot, missing: Missing) -> None:
        """Read hours into files of this process."""
        for hour in missing.day.hours:
            if missing.first <= hour < missing.end:
                path, meta = self._engine.new_path("parquet"), meta_of(missing.day, hour, hour + HOUR)
                csvs = snapshot.csv_files(self.layout, hour, hour + HOUR, self._engine.new_path)
                self._engine.write_csvs(self.layout, csvs, path, meta)
                self._put_own(file_of(path, meta))

    def _renew_own(self, behind: Behind, sources: Sequence[Source]) -> None:
        path, meta = self._engine.new_path("parquet"), meta_of(behind.day, behind.file.first, behind.file.end)
        self._engine.write(rows_of(sources), path, meta)
        self._put_own(file_of(path, meta))

    def _put_own(self, file: ColumnFile) -> None:
        """In the place of an older one of its hour."""
        remaining = {path: each for path, each in self._own.items() if each.first != file.first}
        self._replaced.add(self._own.keys() - remaining.keys())
        self._own = remaining | {file.path: file}

    def _made(self, snapshot: Snapshot, day: DayState, first: int, end: int) -> None:
        written = self.folder.new_path()
        try:
            csvs = snapshot.csv_files(self.layout, first, end, self._engine.new_path)
            rows = self._engine.write_csvs(self.layout, csvs, written, meta := meta_of(day, first, end))
            if rows != snapshot.copied:
                raise OSError(f"{rows} of {snapshot.copied} visits were written")
            self.folder.add(written, meta)
        finally:
            written.unlink(missing_ok=True)


def _end_of(day: int, now: int) -> int:
    """Of the time of a day whose visits are over."""
    return min(day + DAY, (now - _OPEN_MS) // HOUR * HOUR)
