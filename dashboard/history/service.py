"""The history service: answers a query as of one snapshot of Postgres, by column files or by SQL over the rows.

Both give the same result. Column files are asked if there is a folder for them and those of the period are ready.
Results are cached: those of column files until the rows of their period change, others for a minute.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
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
from dashboard.history.query import Query
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

    async def run(self, query: Query) -> Result:
        """The result of a query. Raise `HistoryUnavailable`."""
        preparing = ""
        try:
            visits = await self._visits_of(query) if query.is_of_visits else None
            if self._columns:
                try:
                    return _with(visits, await self._from_columns(self._columns, query))
                except FilesMissing as missing:
                    preparing = f" Faster files are being prepared: {missing}."
                except psycopg.errors.InsufficientPrivilege as error:
                    # A role of somebody's own that may read the view `events` and nothing else.
                    log.warning("column files need the role footfall_reader", extra={"error": repr(error)})
                except (duckdb.Error, Cancelled) as error:
                    # Somebody deleted files, or the disk is full.
                    log.warning("column files do not answer; Postgres is asked", extra={"error": repr(error)})
                    await self._columns.check()
            return _with(visits, await self._from_rows(query))
        except psycopg.errors.QueryCanceled as error:
            raise HistoryUnavailable(f"The query took too long. Choose a shorter period.{preparing}") from error
        except psycopg.errors.UndefinedTable as error:
            raise HistoryUnavailable("No events yet: the sinks have not created their tables.") from error
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.warning("the history is unavailable", extra={"error": repr(error)})
            raise HistoryUnavailable("Postgres is unavailable. The live page works without it.") from error

    async def _visits_of(self, query: Query) -> Visits:
        until, found = self._visits.get(query, (0.0, None))
        if found is None or until < time.monotonic():
            async with self._database.reading() as connection:
                found = await read_visits(connection, query, _MAX_ROWS)
            self._visits[query] = (time.monotonic() + _CACHED_SECONDS, found)
            while len(self._visits) > _MAX_CACHED:
                self._visits.popitem(last=False)
        return found

    async def _from_rows(self, query: Query) -> Result:
        version, until, found = self._cache.get(query, ("", 0.0, None))
        if found is None or version or until < time.monotonic():
            async with self._database.reading() as connection:
                found = await _run(connection, query)
            self._store(query, "", found)
        return found

    async def _from_columns(self, columns: Columns, query: Query) -> Result:
        def is_known(version: str) -> bool:
            return query in self._cache and self._cache[query][0] == version

        period = _period(query)
        first, end = min(period.previous_since, period.since), period.until
        reading = await columns.reading(first, end, is_known)
        if not reading.sources and is_known(reading.version):
            return self._cache[query][2]
        async with self._slots:
            result_ = await _asked(columns, reading, query, period)
        self._store(query, reading.version, result_)
        return result_

    def _store(self, query: Query, version: str, found: Result) -> None:
        self._cache[query] = (version, time.monotonic() + _CACHED_SECONDS, found)
        while len(self._cache) > _MAX_CACHED:
            self._cache.popitem(last=False)


def _with(visits: Visits | None, found: Result) -> Result:
    return visits.added_to(found) if visits else found


async def _asked(columns: Columns, reading: Reading, query: Query, period: Period) -> Result:
    """Ask column files in a thread. If nobody waits any more, that ends."""
    session = columns.engine.session()
    asked_for = Selection(query.filters, programs=query.programs, search=query.search)
    questions = Questions(session, LAYOUT, reading.sources, period, asked_for, _MAX_ROWS)
    try:
        work = asyncio.to_thread(_result, questions, query, reading)
        return await asyncio.wait_for(work, _QUESTION_SECONDS)
    except TimeoutError as error:
        session.cancel()
        raise HistoryUnavailable("The query took longer than five minutes. Choose a shorter period.") from error
    except asyncio.CancelledError:
        session.cancel()
        raise


def _result(questions: Questions, query: Query, reading: Reading) -> Result:
    counts, totals = questions.counts(list(expressions_of(query)), _PROGRAMS), questions.totals()
    own_questions: dict[str, Callable[[], Found]] = {
        "features": lambda: questions.features(_MAX_VALUES),
        "forms": questions.forms,
        "errors": questions.errors,
        "web_vitals": lambda: questions.web_vitals([(each.name, each.good, each.poor) for each in METRICS]),
    }
    panels = {name: _OWN_QUERIES[name](query, ask()) for name, ask in own_questions.items() if _has(query, name)}
    if expressions_of(query):
        panels |= result.rankings(query, counts.rankings)
    return Result(
        query,
        result.totals(query, totals),
        result.steps(query, counts.steps),
        result.previous_sums(query, counts.previous_steps) if query.compare else [],
        panels,
        left_out=totals[-1],
        read=ReadFrom(reading.days, reading.rows, reading.as_of),
    )


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


async def _run(connection: psycopg.AsyncConnection, query: Query) -> Result:
    condition, values = as_sql(query.filters)
    params = _params(query) | values

    async def found(name: str) -> Found:
        cursor = await connection.execute(_with_head(name, condition, query), params)
        return await cursor.fetchall()

    (totals,) = await found("totals")
    steps = await _counts_by_step(connection, query, query.starts)
    previous = await _counts_by_step(connection, query, query.previous_starts) if query.compare else None
    own_queries = {name: rows for name, rows in _OWN_QUERIES.items() if _has(query, name)}
    panels = {name: rows(query, await found(name)) for name, rows in own_queries.items()}
    if expressions_of(query):
        panels |= result.rankings(query, await found("rankings"))
    return Result(
        query,
        result.totals(query, totals),
        result.steps(query, steps),
        [] if previous is None else result.previous_sums(query, previous),
        panels,
        left_out=totals[-1],
    )


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
    is_in_roll_up = is_hourly and query.programs and not query.filters
    condition, values = as_sql(query.filters)
    by_rows = queries["counts_by_step"].replace(b"{filters}", condition.encode())
    step = timedelta(hours=1) if query.step == "hour" else timedelta(days=1)
    until = query.until if starts[0] >= query.since else query.previous_until
    bounds = {"starts": starts, "first": starts[0], "end": min(starts[-1] + step, until)}
    cursor = await connection.execute(
        queries["counts_by_step_hourly"] if is_in_roll_up else by_rows, _params(query) | values | bounds
    )
    return await cursor.fetchall()


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
    "forms": result.forms,
    "errors": result.errors,
    "web_vitals": result.web_vital_rows,
}
# The ranking that counts programs in any case.
_PROGRAMS = RANKINGS.index(HISTORY["programs"].expression)
