"""The history service: answers a query as of one snapshot of Postgres, by column files or by SQL over the rows.

Both give the same result. Column files are asked if there is a folder for them and those of the period are ready.
Results are cached: those of column files until the rows of their period change, others for a minute.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import psycopg

from avro_schemas.schema import typed_events
from dashboard.columns.engine import Cancelled
from dashboard.columns.layout import Layout
from dashboard.columns.questions import Period, Questions, Selection
from dashboard.columns.service import Columns, FilesMissing, Reading
from dashboard.filters import FILTERS, as_sql
from dashboard.history import result
from dashboard.history.comparison import Compared, OnlyProgress, compared
from dashboard.history.measures import EVENTS
from dashboard.history.query import Query
from dashboard.history.report import NOBODY, Report
from dashboard.history.result import RANKINGS, Found, ReadFrom, Result
from dashboard.history.visits import Visits, read_visits
from dashboard.render.panels import HISTORY
from dashboard.render.web_vitals import METRICS
from dashboard.sql import Database, queries

log = logging.getLogger(__name__)

# The page shows fewer rows per panel; one panel alone, JSON and CSV files have all of them.
_MAX_ROWS = 300
# Of one property of an event type, as ids have a value per event.
_MAX_VALUES = 50
_MAX_CACHED = 64
_CACHED_SECONDS = 60.0
# The columns of files: what the filters and the panels of the page name.
LAYOUT = Layout(RANKINGS)
# Questions to column files that run at a time; each may use all threads of DuckDB.
_MAX_QUESTIONS = 2
_QUESTION_SECONDS = 300.0
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
        self._visits: OrderedDict[Query, tuple[float, Visits]] = OrderedDict()
        self._slots = asyncio.Semaphore(_MAX_QUESTIONS)

    async def run(self, query: Query, report: Report = NOBODY) -> Result:
        """The result of a query. Raise `HistoryUnavailable`. If the task is cancelled, its queries end."""
        if query.other is None:
            return await self._answered(query, report)
        other = await self._answered(query.other, OnlyProgress(report))
        own = await self._answered(query.alone, Compared(query, other, report))
        return compared(query, own, other)

    async def _answered(self, query: Query, report: Report) -> Result:
        # A chart of another measure needs nothing else, but for web vitals.
        asked = query if query.metric else replace(query, measure=EVENTS)
        try:
            visits = await self._visits_of(replace(query, measure=EVENTS)) if query.is_of_visits else None
            parts = _Parts(query, visits, report)
            return parts.of(await self._counted(asked, parts))
        except psycopg.errors.QueryCanceled as error:
            raise HistoryUnavailable("The query took too long. Choose a shorter period.") from error
        except psycopg.errors.UndefinedTable as error:
            raise HistoryUnavailable("No events yet: the sinks have not created their tables.") from error
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.warning("the history is unavailable", extra={"error": repr(error)})
            raise HistoryUnavailable("Postgres is unavailable. The live page works without it.") from error

    async def _counted(self, query: Query, report: Report) -> Result:
        """From column files; from rows if there are none, or none that answer."""
        missing: FilesMissing | None = None
        if self._columns:
            try:
                return await self._from_columns(self._columns, query, report)
            except FilesMissing as error:
                missing = error
            except psycopg.errors.InsufficientPrivilege as error:
                # A role of somebody's own that may read the view `events` and nothing else.
                log.warning("column files need the role footfall_reader", extra={"error": repr(error)})
            except (duckdb.Error, Cancelled) as error:
                # Somebody deleted files, or the disk is full.
                log.warning("column files do not answer; Postgres is asked", extra={"error": repr(error)})
                await self._columns.check()
        try:
            return await self._from_rows(query, report)
        except psycopg.errors.QueryCanceled as error:
            if self._columns and missing and report.is_patient:
                return await self._once_ready(self._columns, query, report)
            raise HistoryUnavailable(_too_long(missing, has_columns=self._columns is not None)) from error

    async def _once_ready(self, columns: Columns, query: Query, report: Report) -> Result:
        """From column files, as soon as those of the period are made."""
        missing, until = None, time.monotonic() + _QUESTION_SECONDS
        while time.monotonic() < until:
            try:
                return await self._from_columns(columns, query, report)
            except FilesMissing as error:
                missing = error
                report.reading(f"Preparing column files for this period: {missing}")
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
        raise HistoryUnavailable(_too_long(missing, has_columns=True))

    async def _visits_of(self, query: Query) -> Visits:
        until, found = self._visits.get(query, (0.0, None))
        if found is None or until < time.monotonic():
            async with self._database.reading() as connection:
                found = await read_visits(connection, query, _MAX_ROWS)
            self._visits[query] = (time.monotonic() + _CACHED_SECONDS, found)
            while len(self._visits) > _MAX_CACHED:
                self._visits.popitem(last=False)
        return found

    async def _from_rows(self, query: Query, report: Report) -> Result:
        version, until, found = self._cache.get(query, ("", 0.0, None))
        if found is None or version or until < time.monotonic():
            async with self._database.reading() as connection:
                if rows := await _landed_rows(connection, query):
                    report.reading(f"Reading {rows:,} rows of Postgres")
                async for found in _from_sql(connection, query):
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
        if not reading.sources and is_known(reading.version):
            return self._cache[query][2]
        if self._slots.locked():
            report.reading("Waiting for the queries of others")
        async with self._slots:
            days = f"column files of {reading.days:,} days"
            report.reading(f"Reading {days} and {reading.rows:,} newer rows")
            result_ = await _asked(columns, reading, query, period, report)
        self._store(query, reading.version, result_)
        return result_

    def _store(self, query: Query, version: str, found: Result) -> None:
        self._cache[query] = (version, time.monotonic() + _CACHED_SECONDS, found)
        while len(self._cache) > _MAX_CACHED:
            self._cache.popitem(last=False)


def _too_long(missing: FilesMissing | None, *, has_columns: bool) -> str:
    said = "Counting the rows of this period took longer than 20 seconds."
    if missing:
        return f"{said} Choose fewer days, or wait: faster files are being prepared, newest days first; {missing}."
    help_ = "" if has_columns else " With FOOTFALL_COLUMNS_URL it would take less."
    return f"{said} Choose fewer days, or a filter by page or type.{help_}"


@dataclass(frozen=True, slots=True)
class _Parts:
    """Reports parts of a result with what is known of visits."""

    query: Query
    visits: Visits | None
    to: Report

    @property
    def is_patient(self) -> bool:
        return self.to.is_patient

    def reading(self, text: str) -> None:
        self.to.reading(text)

    def found(self, found: Result) -> None:
        self.to.found(self.of(found))

    def of(self, found: Result) -> Result:
        found = replace(found, query=self.query)
        return self.visits.added_to(found) if self.visits else found


async def _asked(columns: Columns, reading: Reading, query: Query, period: Period, report: Report) -> Result:
    """Ask column files in a thread. If nobody waits any more, that ends."""
    loop = asyncio.get_running_loop()

    def answered() -> Result:
        for found in _from_files(questions, query, reading):
            loop.call_soon_threadsafe(report.found, found)
        return found

    session = columns.engine.session()
    asked_for = Selection(query.filters, programs=query.programs, search=query.search)
    questions = Questions(session, LAYOUT, reading.sources, period, asked_for, _MAX_ROWS)
    try:
        return await asyncio.wait_for(asyncio.to_thread(answered), _QUESTION_SECONDS)
    except TimeoutError as error:
        session.cancel()
        raise HistoryUnavailable("The query took longer than five minutes. Choose a shorter period.") from error
    except asyncio.CancelledError:
        session.cancel()
        raise


def _from_files(questions: Questions, query: Query, reading: Reading) -> Iterator[Result]:
    """The result, each time with more panels."""
    counts, totals = questions.counts(list(expressions_of(query)), _PROGRAMS), questions.totals()
    own_questions: dict[str, Callable[[], Found]] = {
        "features": lambda: questions.features(_MAX_VALUES),
        "errors": questions.errors,
        "web_vitals": lambda: questions.web_vitals([(each.name, each.good, each.poor) for each in METRICS]),
        "forms": questions.forms,
    }
    found = Result(
        query,
        result.totals(query, totals),
        result.steps(query, counts.steps),
        result.previous_counts(query, counts.previous_steps) if query.compare else [],
        result.rankings(query, counts.rankings) if expressions_of(query) else {},
        left_out=totals[-1],
        read=ReadFrom(reading.days, reading.rows, reading.as_of),
        vital_steps=questions.web_vital_steps(query.metric) if query.metric else (),
    )
    yield found
    for name, ask in own_questions.items():
        if _has(query, name):
            found = found.with_panels({name: _OWN_QUERIES[name](query, ask())})
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


async def _landed_rows(connection: psycopg.AsyncConnection, query: Query) -> int:
    """About how many rows the period has; 0 if this role may not know."""
    params = {"since": query.previous_since, "until": query.until}
    try:
        async with connection.transaction():
            cursor = await connection.execute(queries["landed_hours"], params)
            return sum(rows for _hour, rows in await cursor.fetchall())
    except psycopg.errors.InsufficientPrivilege:
        return 0


async def _from_sql(connection: psycopg.AsyncConnection, query: Query) -> AsyncIterator[Result]:
    """The result, each time with more panels."""
    condition, values = as_sql(query.filters)
    params = _params(query) | values

    async def rows_of(name: str) -> Found:
        cursor = await connection.execute(_with_head(name, condition, query), params)
        return await cursor.fetchall()

    (totals,) = await rows_of("totals")
    steps = await _counts_by_step(connection, query, query.starts)
    previous = await _counts_by_step(connection, query, query.previous_starts) if query.compare else None
    found = Result(
        query,
        result.totals(query, totals),
        result.steps(query, steps),
        [] if previous is None else result.previous_counts(query, previous),
        {},
        left_out=totals[-1],
        vital_steps=await _vital_steps(connection, query) if query.metric else (),
    )
    yield found
    if _has(query, "features"):
        found = found.with_panels({"features": result.features(query, await rows_of("features"))})
        yield found
    if expressions_of(query):
        found = found.with_panels(result.rankings(query, await rows_of("rankings")))
        yield found
    for name in _OWN_QUERIES:
        if name not in found.panels and _has(query, name):
            found = found.with_panels({name: _OWN_QUERIES[name](query, await rows_of(name))})
            yield found


def _has(query: Query, panel: str) -> bool:
    return query.panel in ("", panel)


def expressions_of(query: Query) -> dict[int, str]:
    """The expressions of the rankings that a query shows, by number: those of all panels, or of its one panel."""
    shown = {
        panel.expression for panel in result.panels_of(query).values() if result.is_ranked_by_events(query, panel)
    }
    return {number: expression for number, expression in enumerate(RANKINGS) if expression in shown}


def _with_head(name: str, condition: str, query: Query) -> bytes:
    """A query over the selected events. Only constants of the code become part of its text."""
    expressions = ", ".join(f"({number}, {expression})" for number, expression in expressions_of(query).items())
    parts = {"filters": condition, "expressions": expressions, "error": FILTERS["error"].expression}
    text = queries["selected_events"] + queries[name]
    for part, sql in parts.items():
        text = text.replace(b"{%s}" % part.encode(), sql.encode())
    return text


async def _counts_by_step(connection: psycopg.AsyncConnection, query: Query, starts: list[datetime]) -> Found:
    is_hourly = all(start.timestamp() % 3600 == 0 for start in starts)
    if is_hourly and query.programs and not query.filters:
        params = _params(query) | _bounds(query, starts)
        return await (await connection.execute(queries["counts_by_step_hourly"], params)).fetchall()
    return await _by_step(connection, "counts_by_step", query, starts)


async def _vital_steps(connection: psycopg.AsyncConnection, query: Query) -> Found:
    """Rows of whether a step is of the period, its number, and the 75th percentile of the metric in it."""
    found = [(True, *row) for row in await _by_step(connection, "web_vital_steps", query, query.starts)]
    if query.compare:
        previous = await _by_step(connection, "web_vital_steps", query, query.previous_starts)
        found += [(False, *row) for row in previous]
    return found


async def _by_step(connection: psycopg.AsyncConnection, name: str, query: Query, starts: list[datetime]) -> Found:
    """A query over the events of a period."""
    condition, values = as_sql(query.filters)
    text = queries[name].replace(b"{filters}", condition.encode())
    params = _params(query) | values | _bounds(query, starts) | {"metric": query.metric}
    return await (await connection.execute(text, params)).fetchall()


def _bounds(query: Query, starts: list[datetime]) -> dict[str, Any]:
    step = timedelta(hours=1) if query.step == "hour" else timedelta(days=1)
    until = query.until if starts[0] >= query.since else query.previous_until
    return {"starts": starts, "first": starts[0], "end": min(starts[-1] + step, until)}


def _params(query: Query) -> dict[str, Any]:
    return {
        "since": query.since,
        "until": query.until,
        "previous_since": query.previous_since,
        "previous_until": query.previous_until,
        "programs": query.programs,
        "programs_ranking": _PROGRAMS,
        "search": query.search,
        "typed": sorted(typed_events()),
        "max_rows": _MAX_ROWS,
        "max_values": _MAX_VALUES,
        "metrics": [metric.name for metric in METRICS],
        "good": [float(metric.good) for metric in METRICS],
        "poor": [float(metric.poor) for metric in METRICS],
    }


# Panels with a query of their own.
_OWN_QUERIES = {
    "features": result.features,
    "errors": result.errors,
    "web_vitals": result.web_vital_rows,
    "forms": result.forms,
}
# The ranking that counts programs in any case.
_PROGRAMS = RANKINGS.index(HISTORY["programs"].expression)
