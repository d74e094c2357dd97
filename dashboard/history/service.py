"""The history service: answers a query as of one snapshot of Postgres, by column files or by SQL over the rows.

Both give the same result. Column files are asked if there is a folder for them and those of the period are ready.
Results are cached: those of column files until the rows of their period change, others for a minute.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import duckdb
import psycopg

from dashboard.columns.engine import Cancelled, Session
from dashboard.columns.layout import Layout
from dashboard.columns.plan import FilesMissing
from dashboard.columns.questions import Period, Questions, Selection, Stored
from dashboard.columns.reader import Reading
from dashboard.columns.service import Columns
from dashboard.columns.turns import Turns
from dashboard.columns.visit_questions import VisitQuestions
from dashboard.history import result
from dashboard.history.comparison import Compared, OnlyProgress, compared
from dashboard.history.measures import EVENTS
from dashboard.history.query import Query
from dashboard.history.report import NOBODY, Report
from dashboard.history.result import RANKINGS, Found, ReadFrom, Result
from dashboard.history.rows import (
    OWN_QUERIES,
    PROGRAMS,
    expressions_of,
    has_panel,
    landed_rows,
    result_of_rows,
)
from dashboard.history.visits import (
    VISIT_LAYOUT,
    Visits,
    read_visits,
    read_visits_progress,
    selection,
    visits_from,
)
from dashboard.history.visits_progress import VisitsProgress
from dashboard.render.web_vitals import METRICS
from dashboard.sql import Database

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

_MAX_CACHED = 64
# Of all results together: about 30 MB.
_MAX_CACHED_ROWS = 100_000
# For how long a result may be shown that cannot be compared with what is stored now.
CACHED_SECONDS = 60.0
# The columns of files: what the filters and the panels of the page name.
LAYOUT = Layout(RANKINGS)
_QUESTION_SECONDS = 300.0
# Of a period whose files are not ready. Rows are read about as fast as files are made of them.
_MAX_SQL_ROWS = 1_000_000
# How often it is looked whether files that a reader waits for are made.
_ASK_AGAIN_SECONDS = 2.0


class HistoryUnavailable(Exception):
    """There is no result; the message tells the reader why."""


class HistoryService:
    """Runs queries."""

    def __init__(self, database: Database, columns: Columns | None = None) -> None:
        self._database, self._columns = database, columns
        # With the version of the rows; "" if it is not known, and then until when the result may be shown.
        self._cache: OrderedDict[Query, tuple[str, float, Result]] = OrderedDict()
        self._visits: OrderedDict[Query, tuple[float, object, Visits]] = OrderedDict()
        self._turns = Turns()

    async def run(self, query: Query, report: Report = NOBODY) -> Result:
        """The result of a query. Raise `HistoryUnavailable`. If the task is cancelled, its queries end."""
        if query.other is None:
            return await self._answered(query, report)
        other = await self._answered(query.other, OnlyProgress(report))
        own = await self._answered(query.alone, Compared(report, query, other))
        return compared(query, own, other)

    async def _answered(self, query: Query, report: Report) -> Result:
        # A chart of another measure needs nothing else, but for web vitals.
        asked = query if query.metric else replace(query, measure=EVENTS)
        parts = _Parts(report, query)
        visiting = asyncio.ensure_future(self._visits_of(replace(query, measure=EVENTS), parts))
        try:
            parts.counted = await self._counted(asked, parts)
            parts.visits = await visiting
            return parts.result(parts.counted)
        except psycopg.errors.QueryCanceled as error:
            raise HistoryUnavailable("The query took too long. Choose a shorter period.") from error
        except psycopg.errors.UndefinedTable as error:
            raise HistoryUnavailable("No events yet: the sinks have not created their tables.") from error
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.warning("the history is unavailable", extra={"error": repr(error)})
            raise HistoryUnavailable("Postgres is unavailable. The live page works without it.") from error
        finally:
            visiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            visiting.cancel()

    async def _counted(self, query: Query, report: Report) -> Result:
        """From column files; from rows if there are none, or none that answer."""
        missing: FilesMissing | None = None
        if self._columns:
            try:
                return await self._from_columns(self._columns, query, report)
            except FilesMissing as error:
                missing = error
                if error.rows > _MAX_SQL_ROWS and report.is_patient:
                    return await _once_ready(partial(self._from_columns, self._columns, query, report), report)
            except psycopg.errors.InsufficientPrivilege as error:
                # A role of somebody's own that may read the view `events` and nothing else.
                log.warning("column files need the role footfall_reader", extra={"error": repr(error)})
            except (duckdb.Error, OSError, Cancelled) as error:
                # Somebody deleted files, or the disk is full.
                log.warning("column files do not answer; Postgres is asked", extra={"error": repr(error)})
                await self._columns.check()
        try:
            return await self._from_rows(query, report)
        except psycopg.errors.QueryCanceled as error:
            if self._columns and missing and report.is_patient:
                return await _once_ready(partial(self._from_columns, self._columns, query, report), report)
            raise HistoryUnavailable(_too_long(missing, has_columns=self._columns is not None)) from error

    async def _visits_of(self, query: Query, report: "_Parts") -> Visits | None:
        """From column files; from the view `visits` if there are none, or none that answer.

        None if the query is not of visits.
        """
        if not query.is_of_visits:
            return None
        report.progress = await read_visits_progress(self._database)
        missing: FilesMissing | None = None
        columns = self._columns if selection(query).is_usable else None
        if columns:
            try:
                return await self._visits_from_columns(columns, query, report)
            except FilesMissing as error:
                missing = error
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable) as error:
                log.warning("column files of visits cannot be made", extra={"error": repr(error)})
            except (duckdb.Error, OSError, Cancelled) as error:
                log.warning("column files do not answer; Postgres is asked", extra={"error": repr(error)})
                await columns.check()
        try:
            found = await self._visits_from_view(query)
        except psycopg.errors.QueryCanceled:
            if columns and missing and report.is_patient:
                return await _once_ready(partial(self._visits_from_columns, columns, query, report), report)
            raise
        report.visited(found)
        return found

    async def _visits_from_view(self, query: Query) -> Visits:
        until, _version, found = self._visits.get(query, (0.0, None, None))
        if found is None or until < time.monotonic():
            async with self._database.reading() as connection:
                found = await read_visits(connection, query, query.max_rows)
            self._store_visits(query, None, found)
        return found

    async def _visits_from_columns(self, columns: Columns, query: Query, report: "_Parts") -> Visits:
        period = _period(query)
        rows = await columns.visits(min(period.previous_since, period.since), period.until)
        _until, known, found = self._visits.get(query, (0.0, None, None))
        if found is None or known != rows.version:
            async with self._turns.of(rows.size):
                session = columns.engine.session()
                questions = VisitQuestions(session, VISIT_LAYOUT, rows.sources, period, selection(query))
                found = await _last(session, lambda: visits_from(questions, query, query.max_rows), report.visited)
            self._store_visits(query, rows.version, found)
        report.visited(found)
        return found

    def _store_visits(self, query: Query, version: object, found: Visits) -> None:
        self._visits[query] = (time.monotonic() + CACHED_SECONDS, version, found)
        _shrink(self._visits, [len(visits.rankings or ()) for *_rest, visits in self._visits.values()])

    async def _from_rows(self, query: Query, report: Report) -> Result:
        version, until, found = self._cache.get(query, ("", 0.0, None))
        if found is None or version or until < time.monotonic():
            async with self._database.reading() as connection:
                if rows := await landed_rows(connection, query):
                    report.reading(f"Reading {rows:,} rows of Postgres")
                async for found in result_of_rows(connection, query):
                    report.found(found)
            assert found
            self._store(query, "", found)
        return found

    async def _from_columns(self, columns: Columns, query: Query, report: Report) -> Result:
        def is_known(version: str) -> bool:
            return query in self._cache and self._cache[query][0] == version

        period = _period(query)
        first, end = min(period.previous_since, period.since), period.until
        reading = await columns.reading(first, end, is_known)
        if reading.is_known:
            return self._cache[query][2]
        stored = _stored(columns, reading, query, period)
        turn = self._turns.of(stored.size)
        if turn.locked():
            report.reading("Waiting for the queries of others")
        async with turn:
            days = f"column files of {reading.days:,} days"
            report.reading(f"Reading {days} and {reading.rows:,} newer rows")
            result_ = await _asked(columns.engine.session(), stored, reading, query, report)
        self._store(query, reading.version, result_)
        return result_

    def _store(self, query: Query, version: str, found: Result) -> None:
        self._cache[query] = (version, time.monotonic() + CACHED_SECONDS, found)
        _shrink(self._cache, [sum(map(len, each.panels.values())) for *_rest, each in self._cache.values()])


def _shrink(cache: OrderedDict[Query, Any], rows: Sequence[int]) -> None:
    """Forget the oldest results of too many; `rows`: how many each has, in the order of the cache."""
    held = sum(rows)
    for of_oldest in rows[:-1]:
        if len(cache) <= _MAX_CACHED and held <= _MAX_CACHED_ROWS:
            break
        cache.popitem(last=False)
        held -= of_oldest


async def _once_ready(ask: Callable[[], Awaitable[Answer]], report: Report) -> Answer:
    """From column files, as soon as those of the period are made."""
    missing, until = None, time.monotonic() + _QUESTION_SECONDS
    while time.monotonic() < until:
        try:
            return await ask()
        except FilesMissing as error:
            missing = error
            report.reading(f"Preparing column files for this period: {missing}")
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
    raise HistoryUnavailable(_too_long(missing, has_columns=True))


async def _in_thread(session: Session, ask: Callable[[], Answer]) -> Answer:
    """Ask column files in a thread. If nobody waits any more, that ends."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(ask), _QUESTION_SECONDS)
    except TimeoutError as error:
        session.cancel()
        raise HistoryUnavailable("The query took longer than five minutes. Choose a shorter period.") from error
    except asyncio.CancelledError:
        session.cancel()
        raise


def _too_long(missing: FilesMissing | None, *, has_columns: bool) -> str:
    said = "Counting the rows of this period took longer than 20 seconds."
    if missing:
        return f"{said} Choose fewer days, or wait: faster files are being prepared, newest days first; {missing}."
    help_ = "" if has_columns else " With FOOTFALL_COLUMNS_URL it would take less."
    return f"{said} Choose fewer days, or a filter by page or type.{help_}"


class _Parts:
    """Reports parts of a result with what is known of visits: nothing before there are totals of both."""

    def __init__(self, to: Report, query: Query) -> None:
        self.is_patient, self.reading = to.is_patient, to.reading
        self._to, self._query = to, query
        self.counted: Result | None = None
        self.visits: Visits | None = None
        self.progress: VisitsProgress | None = None

    def found(self, result: Result) -> None:
        self.counted = result
        self._report()

    def visited(self, visits: Visits) -> None:
        self.visits = visits
        self._report()

    def _report(self) -> None:
        if self.counted and (self.visits or not self._query.is_of_visits):
            self._to.found(self.result(self.counted))

    def result(self, counted: Result) -> Result:
        """What was counted with what is known of visits."""
        found = replace(counted, query=self._query, visits_progress=self.progress)
        return self.visits.added_to(found) if self.visits else found


async def _last(session: Session, ask: Callable[[], Iterator[Answer]], found: Callable[[Answer], None]) -> Answer:
    """The last of the answers of column files. `found` gets each of them, in this thread."""
    loop = asyncio.get_running_loop()

    def answered() -> Answer:
        for each in ask():
            loop.call_soon_threadsafe(found, each)
        return each

    return await _in_thread(session, answered)


def _stored(columns: Columns, reading: Reading, query: Query, period: Period) -> Stored:
    # Summaries know no people, which visits do.
    is_summarised = not query.filters and query.is_of_visits and period.is_in_quarters
    return columns.summaries(reading, period) if is_summarised else columns.rows(reading, period)


async def _asked(session: Session, stored: Stored, reading: Reading, query: Query, report: Report) -> Result:
    asked_for = Selection(query.filters, programs=query.programs, search=query.search)
    questions = Questions(session, LAYOUT, stored, _period(query), asked_for, query.max_rows)
    return await _last(session, lambda: _from_files(questions, query, reading), report.found)


def _from_files(questions: Questions, query: Query, reading: Reading) -> Iterator[Result]:
    """The result, each time with more panels."""
    own_questions: dict[str, Callable[[], Found]] = {
        "features": lambda: questions.features(query.max_values),
        "errors": questions.errors,
        "web_vitals": lambda: questions.web_vitals([(each.name, each.good, each.poor) for each in METRICS]),
        "forms": questions.forms,
    }
    counted = questions.steps()
    # Visits know their people.
    people = (None, None) if query.is_of_visits else questions.people()
    found = Result(
        query,
        result.totals(query, (*people, *counted.views, *counted.events)),
        result.steps(query, counted.steps),
        result.previous_counts(query, counted.previous_steps) if query.compare else [],
        {},
        left_out=counted.left_out,
        read=ReadFrom(reading.days, reading.rows, reading.as_of),
        vital_steps=questions.web_vital_steps(query.metric) if query.metric else (),
    )
    yield found
    if numbers := list(expressions_of(query)):
        found = found.with_panels(result.rankings(query, questions.rankings(numbers, PROGRAMS)))
        yield found
    for name, ask in own_questions.items():
        if has_panel(query, name):
            found = found.with_panels({name: OWN_QUERIES[name](query, ask())})
            yield found


def _period(query: Query) -> Period:
    def milliseconds(time: datetime) -> int:
        return round(time.timestamp() * 1000)

    return Period(
        since=milliseconds(query.since),
        until=milliseconds(query.until),
        previous_since=milliseconds(query.previous_since),
        previous_until=milliseconds(query.previous_until),
        starts=tuple(map(milliseconds, query.starts)),
        previous_starts=tuple(map(milliseconds, query.previous_starts)),
    )
