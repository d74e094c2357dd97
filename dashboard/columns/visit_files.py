"""Column files of visits. Visits change after the fact, so Postgres gives each hour in which some began a version.

A file is exact for an hour as long as the version is the one that it was made with. In the newest hours visits go
on, so these are read from Postgres, if their version is another one than at the last question.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.columns.changed_visits import ChangedVisits
from dashboard.columns.engine import Engine
from dashboard.columns.folder import Folder, meta_of
from dashboard.columns.followed import caught_up_plan
from dashboard.columns.layout import VisitLayout
from dashboard.columns.plan import DAY, HOUR, Behind, DayState, FilesMissing, Missing, Plan, Source, plan
from dashboard.columns.select import Span, rows_of
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.turns import bytes_of

# Most visits that began so long ago have ended.
_OPEN_MS = 3 * HOUR
# A question reads at most so many hours from Postgres. If files lack more, Postgres answers.
_MAX_HOURS = 48
# Of a day, before they become one file.
_MAX_FILES = 6
# When so large a part changed, a file is written again.
_PART = 16
# As long as a question may still read a file.
_UNUSED_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRows:
    """The visits of a time: what has them, and what is another value if they changed."""

    sources: Sequence[Source]
    version: object

    @property
    def size(self) -> int:
        """Bytes of the files that are read."""
        return bytes_of(each.path for each in self.sources)


class VisitFiles:
    """Files of visits by the time when they began. One thread at a time uses it."""

    def __init__(self, root: Path, engine: Engine, layout: VisitLayout) -> None:
        self.layout = layout
        self._engine, self.folder = engine, Folder(root, layout.name)
        self._changed = ChangedVisits(engine, layout)
        # Files of this process, by their hours with the versions, and until when they may be in use.
        self._read: dict[tuple[tuple[int, int], ...], tuple[float, Path]] = {}

    def rows(self, snapshot: Snapshot, period: Span) -> VisitRows:
        """The visits of a time. Raise `FilesMissing`."""
        first, end = period
        days = snapshot.versions_of_visits(first, end)
        planned = caught_up_plan(snapshot, days, self.folder.files, first, end, self._changed)
        if sum((missing.end - missing.first) // HOUR for missing in planned.missing) > _MAX_HOURS:
            lacking = {missing.day.start for missing in planned.missing}
            raise FilesMissing(len(days) - len(lacking), len(days), 0)
        read = [
            Source(str(self._piece(snapshot, missing)), missing.first, missing.end) for missing in planned.missing
        ]
        hours = {hour: version for day in days for hour, version in day.hours.items() if first < hour + HOUR}
        return VisitRows(sources=[*self._current(planned), *read], version=(first, end, hours))

    def plan_of(self, day: DayState, now: int) -> Plan:
        """The files of a day, as far as its visits are over."""
        return plan([day], self.folder.files, day.start, _end_of(day.start, now), self._changed.unknown)

    def changed_much(self, snapshot: Snapshot, start: int, now: int) -> Sequence[tuple[Behind, Sequence[Source]]]:
        """Read what changed of a day. Return files that should be written again, and what has their visits now."""
        days = [day for day in snapshot.versions_of_visits(start, start + DAY) if day.start == start]
        end = _end_of(start, now)
        planned = caught_up_plan(snapshot, days, self.folder.files, start, end, self._changed)
        return [
            (behind, self._changed.sources(behind, Source(behind.file.path, behind.file.first, behind.file.end)))
            for behind in planned.behind
            if planned.uses_all_of(behind)
            and self._changed.count(behind) * _PART > self._engine.count(behind.file.path)
        ]

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
        unknown = self._changed.unknown
        used = plan(days, self.folder.files, days[0].start, days[-1].start + DAY, unknown).sources if days else ()
        self.folder.remove_unused({source.path for source in used})
        self._changed.forget([file.path for file in self.folder.files])
        now = time.monotonic()
        for hours, (until, path) in list(self._read.items()):
            if until < now:
                del self._read[hours]
                path.unlink(missing_ok=True)

    def check(self) -> None:
        """Forget files that somebody deleted or damaged."""
        self.folder.check(self._engine)
        self._read.clear()

    def _current(self, planned: Plan) -> Sequence[Source]:
        """What has the visits of a plan's files as they are now."""
        behind = {each.file.path: each for each in planned.behind}
        return [
            now
            for own in planned.sources
            for now in (self._changed.sources(behind[own.path], own) if own.path in behind else [own])
        ]

    def _piece(self, snapshot: Snapshot, missing: Missing) -> Path:
        """A file of hours that no file of the folder has."""
        hours = tuple(
            (hour, version)
            for hour, version in sorted(missing.day.hours.items())
            if missing.first <= hour < missing.end
        )
        _until, path = self._read.get(hours, (0.0, None))
        if path is None:
            path = self._engine.new_path("parquet")
            csvs = snapshot.csv_files(self.layout, missing.first, missing.end, self._engine.new_path)
            self._engine.write_csvs(self.layout, csvs, path, {})
        self._read[hours] = (time.monotonic() + _UNUSED_SECONDS, path)
        return path

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
