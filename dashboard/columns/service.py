"""The column files of a dashboard: makes them in the background, and says for a question what to read."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import duckdb
import psycopg

from dashboard.columns.day_files import DayFiles, Lacking
from dashboard.columns.derived import Derived
from dashboard.columns.engine import Engine
from dashboard.columns.folder import Folder, remove_abandoned
from dashboard.columns.later import Later
from dashboard.columns.layout import Layout, VisitLayout
from dashboard.columns.mirror import Mirror
from dashboard.columns.plan import (
    DAY,
    HOUR,
    DayState,
    FilesMissing,
    Plan,
    plan,
)
from dashboard.columns.questions import Period, Stored
from dashboard.columns.reader import Asked, Reader, Reading, now_ms, open_from
from dashboard.columns.select import Span, rows_in
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.tail import Tail
from dashboard.columns.together import Together, Waiting, answer_each
from dashboard.columns.turns import bytes_of
from dashboard.columns.visit_files import Renewal, VisitFiles, VisitRows
from dashboard.sql import Database
from service_kit.background import is_cancelled
from service_kit.bucket import Bucket

log = logging.getLogger(__name__)
Result = TypeVar("Result")

# A question reads at most so many rows from Postgres: a few seconds.
_MAX_ROWS = 500_000
_QUESTION_TIMEOUT, _BUILD_TIMEOUT = "20s", "30min"
_ROUND_SECONDS = 30.0
# After a file the builder rests as long as it worked, but not longer.
_MAX_REST_SECONDS = 30.0
_UNAVAILABLE = (psycopg.Error, OSError, TimeoutError, duckdb.Error)


@dataclass(frozen=True, slots=True)
class _Current:
    """A day in a snapshot, the files that it is in, and what each of them lacks."""

    day: DayState
    planned: Plan
    later: Sequence[Lacking]


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
        self._later = Later(self.engine, layout)
        self._day_files = DayFiles(self._folder, self.engine, layout, self._tail)
        self._reader = Reader(self._folder, self._day_files, self._tail, self._later)
        self._visits = VisitFiles(root, self.engine, visits)
        self._visits_lock = asyncio.Lock()
        self._visit_readings = Together(self._visits_lock, self._read_visits)
        self._mirror = Mirror(bucket, root) if bucket else None
        # Taken before the snapshot: so `Reader` gets newer and newer ones.
        self._lock = asyncio.Lock()
        self._readings = Together(self._lock, self._read_events)
        self._wake = asyncio.Event()
        self._followed_at = float("-inf")
        # The period that a question waits for: its days are made first.
        self._wanted = (0, 0)

    async def reading(self, first: int, end: int, is_known: Callable[[str], bool]) -> Reading:
        """What answers a question about a time; without sources if its version is known.

        Raise `FilesMissing`, and errors of Postgres and DuckDB.
        """
        try:
            return await self._readings.ask(Asked(first, end, is_known, _MAX_ROWS))
        except FilesMissing:
            self._wanted = (first, end)
            self._wake.set()
            raise

    async def visits(self, first: int, end: int) -> VisitRows:
        """The visits of a time. Raise `FilesMissing`."""
        return await self._visit_readings.ask((first, end))

    async def _read_events(self, waiting: Sequence[Waiting[Asked, Reading]]) -> None:
        await self._in_thread(partial(answer_each, waiting, self._question_snapshot, self._reader.read))

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
        async with self._lock:
            await asyncio.to_thread(self._folder.check, self.engine)
            self.engine.make_scratch()
            self._tail.forget(now_ms() + DAY)
            self._later.forget(())
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
        unknown = self._later.unknown
        used = plan(days, self._folder.files, days[0].start, days[-1].start + DAY, unknown).sources if days else ()
        paths = {source.path for source in used}
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
        now = now_ms()

        def states() -> Sequence[DayState]:
            with self._snapshot(_BUILD_TIMEOUT) as snapshot:
                return snapshot.versions_of_visits(now - self._retention_days * DAY, now + HOUR)

        async with self._visits_lock:
            await asyncio.to_thread(self._visits.folder.read, self.engine)
        try:
            for day in reversed(await self._in_thread(states)):
                started = time.monotonic()
                if await self._built_visits(day, now):
                    await self._rest(min(time.monotonic() - started, _MAX_REST_SECONDS))
            days = await self._in_thread(states)
        except psycopg.errors.InsufficientPrivilege:
            return  # a role of somebody's own, that may read views alone
        async with self._visits_lock:
            await asyncio.to_thread(self._visits.tidy, days)

    async def _built_visits(self, day: DayState, now: int) -> bool:
        """Make the files of visits that a day lacks. Return whether there was something to do."""

        def build() -> bool:
            with self._snapshot(_BUILD_TIMEOUT) as snapshot:
                return self._visits.build_day(snapshot, day.start, now)

        def changed_much() -> Sequence[Renewal]:
            with self._snapshot(_BUILD_TIMEOUT) as snapshot:
                return self._visits.changed_much(snapshot, day.start, now)

        planned, changed = self._visits.plan_of(day, now), list[Renewal]()
        made = bool(planned.missing) and await self._in_thread(build)
        if planned.behind:
            async with self._visits_lock:
                changed += await self._in_thread(changed_much)
        for behind, sources in changed:
            await asyncio.to_thread(self._visits.renew, behind, sources)
        return made or bool(changed)

    def _is_wanted(self, day: int) -> bool:
        first, end = self._wanted
        return first < day + DAY and day < end

    async def _rest(self, seconds: float) -> None:
        """Leave the database to others, unless somebody waits for files."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _built(self, day: DayState) -> bool:
        """Make the files that a day lacks: one, once it is over. Return whether there was something to do."""
        end = min(day.start + DAY, open_from(now_ms()))
        if not self._day_files.can_be_made(day, end):
            return False
        try:
            planned, made = plan([day], self._folder.files, day.start, end, self._later.unknown), False
            if planned.missing:
                day, made = await self._in_thread(partial(self._make_missing, day, end)), True
                planned = plan([day], self._folder.files, day.start, end, self._later.unknown)
            current = await self._caught_up(day, end) if planned.behind else _Current(day, planned, ())
            return await self._in_thread(partial(self._put_together, current, end)) or made
        except (psycopg.DataError, duckdb.Error, OSError) as error:
            # The other days can be made.
            log.warning("a day cannot be made into column files", extra={"day": day.start, "error": repr(error)})
            return False

    def _make_missing(self, day: DayState, end: int) -> DayState:
        with self._snapshot(_BUILD_TIMEOUT) as snapshot:
            return self._day_files.make_missing(snapshot, day.start, end, self._later.unknown)

    async def _caught_up(self, day: DayState, end: int) -> _Current:
        """Read what files of a day lack."""

        def read() -> _Current:
            with self._snapshot(_BUILD_TIMEOUT) as snapshot:
                (current,) = snapshot.days(day.start, day.start + DAY)
                planned = self._reader.planned(snapshot, [current], day.start, end)
                return _Current(current, planned, [(each, self._later.sources([each])) for each in planned.behind])

        async with self._lock:
            return await self._in_thread(read)

    def _put_together(self, current: _Current, end: int) -> bool:
        day, planned, later = current.day, current.planned, current.later
        if planned.missing:
            return False  # they landed meanwhile
        made = end == day.start + DAY and self._day_files.put_together(day, planned, later)
        if not made:
            made = sum(self._day_files.renew(planned, each) for each in later) > 0
        for source in plan([day], self._folder.files, day.start, end, self._later.unknown).sources:
            made = self._derived.summarise(source.path) or made
        return made

    async def _follow(self) -> None:
        """Read what landed in open hours, and learn of files of other processes, so that questions need not."""
        async with self._lock:
            if time.monotonic() - self._followed_at < _ROUND_SECONDS / 2:
                return
            now = now_ms()
            await asyncio.to_thread(self._folder.read, self.engine)
            await self._in_thread(partial(self._read_open, now))
            self._tail.forget(open_from(now))
            self._later.forget([file.path for file in self._folder.files])
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
            self._reader.read(snapshot, Asked(open_from(now), now + HOUR, lambda _: False, max_rows=None))

    def _days(self) -> Sequence[DayState]:
        """All days that the history page can show."""
        now = now_ms()
        with self._snapshot(_QUESTION_TIMEOUT) as snapshot:
            return snapshot.days(now - self._retention_days * DAY, now + HOUR)
