"""The column files of a dashboard: makes them in the background, and says for a question what to read."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import duckdb
import psycopg

from dashboard.columns.derived import Derived
from dashboard.columns.engine import Engine
from dashboard.columns.folder import Folder, meta_of, remove_abandoned
from dashboard.columns.layout import Layout, VisitLayout
from dashboard.columns.mirror import Mirror
from dashboard.columns.plan import (
    DAY,
    HOUR,
    DayState,
    FilesMissing,
    Missing,
    Plan,
    Source,
    is_as_counted,
    plan,
    version_of,
)
from dashboard.columns.questions import Period, Stored
from dashboard.columns.select import Span, rows_in, rows_of
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.tail import Tail
from dashboard.columns.together import Together, Waiting, answer_each
from dashboard.columns.turns import bytes_of
from dashboard.columns.visit_files import VisitFiles, VisitRows
from dashboard.sql import Database
from service_kit.background import is_cancelled
from service_kit.bucket import Bucket

log = logging.getLogger(__name__)
Result = TypeVar("Result")

# How long after its end an hour is read as one that still grows.
_OPEN_MS = 120_000
# A question reads at most so many rows from Postgres: a few seconds.
_MAX_ROWS = 500_000
_QUESTION_TIMEOUT, _BUILD_TIMEOUT = "20s", "30min"
_ROUND_SECONDS = 30.0
# After a file the builder rests as long as it worked, but not longer.
_MAX_REST_SECONDS = 30.0
_UNAVAILABLE = (psycopg.Error, OSError, TimeoutError, duckdb.Error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a question reads: files that hold exactly the rows of one snapshot of Postgres."""

    # What has the rows of the period.
    sources: tuple[Source, ...]
    # The same if and only if the rows of the period are the same.
    version: str
    # Days that were read from column files, and rows that were read from Postgres.
    days: int
    rows: int
    as_of: datetime
    # Nothing was read, as whoever asks knows the result for this version.
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question about a time, whether who asks knows the result for a version, and how much Postgres may be read.

    If files lack more rows than `max_rows`, they are made first.
    """

    first: int
    end: int
    is_known: Callable[[str], bool]
    max_rows: int | None


class Columns:
    """Files of closed days and hours in a folder, and of open hours in the scratch folder of this process."""

    def __init__(
        self,
        root: Path,
        database: Database,
        layout: Layout,
        visits: VisitLayout,
        retention_days: int,
        bucket: Bucket | None = None,
    ) -> None:
        self._database, self._layout, self._retention_days = database, layout, retention_days
        self._root, self._folder = root, Folder(root, layout.name)
        self.engine = Engine(root)
        self._derived = Derived(self._folder, self.engine, layout)
        self._tail = Tail(self.engine, layout)
        self._visits = VisitFiles(root, self.engine, visits)
        self._visits_lock = asyncio.Lock()
        self._visit_readings = Together(self._visits_lock, self._read_visits)
        self._mirror = Mirror(bucket, root) if bucket else None
        # Taken before the snapshot: whoever reads what the tail lacks has a newer snapshot than the one before.
        self._lock = asyncio.Lock()
        self._readings = Together(self._lock, self._read_events)
        self._wake = asyncio.Event()
        self._followed_at = float("-inf")
        # The period that a question waits for: its days are made first.
        self._wanted = (0, 0)
        # Days whose rows are not those that the counts say, with their version.
        self._miscounted: dict[int, str] = {}

    async def reading(self, first: int, end: int, is_known: Callable[[str], bool]) -> Reading:
        """What answers a question about a time; without sources if its version is known.

        Raise `FilesMissing`, and errors of Postgres and DuckDB.
        """
        try:
            return await self._readings.ask(_Asked(first, end, is_known, _MAX_ROWS))
        except FilesMissing:
            self._wanted = (first, end)
            self._wake.set()
            raise

    async def visits(self, first: int, end: int) -> VisitRows:
        """The visits of a time. Raise `FilesMissing`."""
        return await self._visit_readings.ask((first, end))

    async def _read_events(self, waiting: Sequence[Waiting[_Asked, Reading]]) -> None:
        await self._in_thread(partial(answer_each, waiting, self._question_snapshot, self._read))

    async def _read_visits(self, waiting: Sequence[Waiting[Span, VisitRows]]) -> None:
        await self._in_thread(partial(answer_each, waiting, self._question_snapshot, self._visits.rows))

    def rows(self, reading: Reading, period: Period) -> Stored:
        """All rows that a question reads."""
        rows = rows_in(reading.sources, *period.both)
        return Stored(rows, size=bytes_of(each.path for each in reading.sources))

    def summaries(self, reading: Reading, period: Period) -> Stored:
        """The summaries of what a question without filters reads, and the rows that they do not have."""
        return self._derived.stored(reading.sources, period)

    async def check(self) -> None:
        """Forget files that somebody deleted or damaged, and make them again."""
        await asyncio.to_thread(self._folder.check, self.engine)
        async with self._visits_lock:
            await asyncio.to_thread(self._visits.check)
        self._wake.set()

    def close(self) -> None:
        """Free memory and delete what belongs to this process alone."""
        self.engine.close()

    async def build(self) -> None:
        """Make missing files for ever, newest days first."""
        while not is_cancelled():
            self._wake.clear()
            try:
                await self.build_round()
            except psycopg.errors.UndefinedTable:
                pass  # the sinks have not created their tables; the history page says so
            except _UNAVAILABLE as error:
                log.warning("column files cannot be made now", extra={"error": repr(error)})
            try:
                await asyncio.wait_for(self._wake.wait(), _ROUND_SECONDS)
            except TimeoutError:
                continue

    async def build_round(self) -> None:
        """Make every file that is missing now, and delete those that are not in use any more."""
        await asyncio.to_thread(remove_abandoned, self._root, self._folders)
        await self._mirrored(Mirror.delete_abandoned)
        await self._mirrored(Mirror.fetch)
        remaining = {day.start: day for day in await self._in_thread(self._days)}
        while remaining:
            day = remaining.pop(max(remaining, key=lambda start: (self._is_wanted(start), start)))
            await self._follow()
            started = time.monotonic()
            if await self._built(day):
                await self._mirrored(Mirror.send)
                await self._rest(min(time.monotonic() - started, _MAX_REST_SECONDS))
        await self._follow()
        days = await self._in_thread(self._days)
        used = plan(days, self._folder.files, days[0].start, days[-1].start + DAY) if days else Plan((), ())
        paths = {source.path for source in used.sources}
        used_files = [file for file in self._folder.files if file.path in paths]
        await asyncio.to_thread(self._derived.put_together, used_files)
        await asyncio.to_thread(self._derived.know_people, used_files)
        self._folder.remove_unused(paths)
        await self._build_visits()
        await self._mirrored(Mirror.send)
        await self._mirrored(self._delete_in)

    @property
    def _folders(self) -> Sequence[str]:
        return [folder.name for folder in (self._folder, self._visits.folder)]

    async def _mirrored(self, copy: Callable[[Mirror, Sequence[str]], None]) -> None:
        """Copy files to or from the bucket, if there is one."""
        if self._mirror:
            await asyncio.to_thread(copy, self._mirror, self._folders)

    def _delete_in(self, mirror: Mirror, _folders: Sequence[str]) -> None:
        for folder in (self._folder, self._visits.folder):
            deleted, folder.deleted = folder.deleted, []
            mirror.delete(deleted)

    async def _build_visits(self) -> None:
        """The same for visits."""
        now = _now()

        def states() -> Sequence[DayState]:
            with self._snapshot(_BUILD_TIMEOUT) as snapshot:
                return snapshot.versions_of_visits(now - self._retention_days * DAY, now + HOUR)

        def build(start: int) -> bool:
            with self._snapshot(_BUILD_TIMEOUT) as snapshot:
                return self._visits.build_day(snapshot, start, now)

        try:
            for day in reversed(await self._in_thread(states)):
                started = time.monotonic()
                if await self._in_thread(partial(build, day.start)):
                    await self._rest(min(time.monotonic() - started, _MAX_REST_SECONDS))
            days = await self._in_thread(states)
        except psycopg.errors.InsufficientPrivilege:
            return  # a role of somebody's own, that may read views alone
        async with self._visits_lock:
            await asyncio.to_thread(self._visits.tidy, days)

    def _is_wanted(self, day: int) -> bool:
        first, end = self._wanted
        return first < day + DAY and day < end

    async def _rest(self, seconds: float) -> None:
        """Leave the database to others, unless somebody waits for files."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _built(self, day: DayState) -> bool:
        try:
            return await self._in_thread(partial(self._build_day, day))
        except (psycopg.DataError, duckdb.Error, OSError) as error:
            # The other days can be made.
            log.warning("a day cannot be made into column files", extra={"day": day.start, "error": repr(error)})
            return False

    async def _follow(self) -> None:
        """Read what landed in open hours, and learn of files of other processes, so that questions need not."""
        async with self._lock:
            if time.monotonic() - self._followed_at < _ROUND_SECONDS / 2:
                return
            now = _now()
            await asyncio.to_thread(self._folder.read, self.engine)
            await self._in_thread(partial(self._read_open, now))
            self._tail.forget(_open_from(now))
            self._followed_at = time.monotonic()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        async with self._database.slots:
            return await asyncio.to_thread(work)

    def _question_snapshot(self) -> contextlib.AbstractContextManager[Snapshot]:
        return self._snapshot(_QUESTION_TIMEOUT)

    @contextlib.contextmanager
    def _snapshot(self, timeout: str) -> Iterator[Snapshot]:
        with self._database.snapshot(timeout) as connection:
            yield Snapshot(connection)

    def _read_open(self, now: int) -> None:
        with self._snapshot(_BUILD_TIMEOUT) as snapshot:
            self._read(snapshot, _Asked(_open_from(now), now + HOUR, lambda _: False, max_rows=None))

    def _read(self, snapshot: Snapshot, asked: _Asked) -> Reading:
        now, first, end = _now(), asked.first, asked.end
        days = snapshot.days(first, end)
        version = version_of(days, first, end)
        if asked.is_known(version):
            return Reading(sources=(), version=version, days=0, rows=0, as_of=datetime.now(UTC), is_known=True)
        planned = plan(days, self._folder.files, first, end)
        pieces = [piece for missing in planned.missing for piece in _split(missing, _open_from(now))]
        lacking = sum(max(0, piece.rows - self._tail.rows(piece.first)) for piece in pieces)
        if asked.max_rows is not None and lacking > asked.max_rows:
            ready = len(days) - len({piece.day.start for piece in pieces})
            raise FilesMissing(ready, len(days), sum(day.rows for day in days))
        read = [each for piece in pieces for each in self._read_piece(snapshot, piece, now)]
        return Reading(
            sources=(*planned.sources, *(source for source, _rows in read)),
            version=version,
            days=len({_day_of(each) for each in planned.sources}),
            rows=sum(rows for _source, rows in read),
            as_of=datetime.now(UTC),
        )

    def _read_piece(self, snapshot: Snapshot, piece: Missing, now: int) -> Sequence[tuple[Source, int]]:
        """Files with rows that no file of the folder has, and how many they are."""
        if piece.first >= _open_from(now):
            return self._tail.catch_up(snapshot, piece.day, piece.first, now)
        return [self._made(snapshot, piece.day, piece.first, piece.end)]

    def _days(self) -> Sequence[DayState]:
        """All days that the history page can show."""
        now = _now()
        with self._snapshot(_QUESTION_TIMEOUT) as snapshot:
            return snapshot.days(now - self._retention_days * DAY, now + HOUR)

    def _build_day(self, day: DayState) -> bool:
        """Make the files that a day lacks: one, once it is over. Return whether there was something to do."""
        end = min(day.start + DAY, _open_from(_now()))
        planned, made = plan([day], self._folder.files, day.start, end), False
        if day.is_uncertain or day.is_gone or end <= day.start:
            return False
        if self._miscounted.get(day.start) == version_of([day], day.start, end):
            return False
        if planned.missing:
            with self._snapshot(_BUILD_TIMEOUT) as snapshot:
                (day,) = snapshot.days(day.start, day.start + DAY)
                if day.is_packed or not planned.sources:
                    self._made(snapshot, day, day.start, end)
                else:
                    for missing in plan([day], self._folder.files, day.start, end).missing:
                        self._made(snapshot, day, missing.first, missing.end)
            planned, made = plan([day], self._folder.files, day.start, end), True
        is_whole = end == day.start + DAY and not planned.missing
        if is_whole and len(planned.sources) > 1:
            self._merge(day, planned.sources)
            planned, made = plan([day], self._folder.files, day.start, end), True
        for source in planned.sources:
            made = self._derived.summarise(source.path) or made
        return made

    def _made(self, snapshot: Snapshot, day: DayState, first: int, end: int) -> tuple[Source, int]:
        """A new file of hours of a day, and how many rows it has.

        If they are not those that the counts say, it is only for this question.
        """
        written = self._folder.new_path()
        try:
            meta = meta_of(day, first, end)
            csvs = snapshot.csv_files(self._layout, first, end, self.engine.new_path)
            rows = self.engine.write_csvs(self._layout, csvs, written, meta)
            if rows != snapshot.copied:
                raise OSError(f"{rows} of {snapshot.copied} rows were written")
            if is_as_counted(day, first, end, rows):
                return Source(self._folder.add(written, meta).path, first, end), rows
            self._miscounted[day.start] = version_of([day], first, end)
            log.warning("a day has other rows than its counts say; the audit tells which", extra={"rows": rows})
            return Source(str(self._tail.adopt(written)), first, end), rows
        finally:
            written.unlink(missing_ok=True)

    def _merge(self, day: DayState, sources: Sequence[Source]) -> None:
        """Make one file of those that have the hours of a day."""
        written = self._folder.new_path()
        meta = meta_of(day, day.start, day.start + DAY)
        try:
            rows = self.engine.write(rows_of(sources), written, meta)
            if rows != day.rows:
                raise OSError(f"a day of {day.rows} rows became {rows}")
            self._folder.add(written, meta)
        finally:
            written.unlink(missing_ok=True)


def _split(missing: Missing, open_from: int) -> Iterator[Missing]:
    """Closed hours as they are, and each open hour by itself."""
    if missing.first < open_from:
        yield Missing(missing.day, missing.first, min(missing.end, open_from))
    for hour in range(max(missing.first, open_from), missing.end, HOUR):
        yield Missing(missing.day, hour, hour + HOUR)


def _open_from(now: int) -> int:
    """The first hour in which events still land."""
    return (now - _OPEN_MS) // HOUR * HOUR


def _day_of(source: Source) -> str:
    return Path(source.path).name[:8]


def _now() -> int:
    return time.time_ns() // 1_000_000
