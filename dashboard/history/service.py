"""The history service: answers a query as of one snapshot of Postgres, by column files or by SQL over the rows.

Both give the same result. Column files are asked if there is a folder for them and those of the period are ready.
Results are cached: those of column files until the rows of their period change, others for a minute.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import duckdb
import psycopg

from dashboard.columns.engine import Cancelled
from dashboard.columns.layout import ERROR, Layout
from dashboard.columns.questions import Period, Questions
from dashboard.columns.service import Columns, FilesMissing, Reading
from dashboard.filters import CONDITION, FILTERS
from dashboard.history import result
from dashboard.history.query import Query
from dashboard.history.result import RANKINGS, Found, ReadFrom, Result
from dashboard.render.web_vitals import METRICS
from dashboard.sql import Database, queries

log = logging.getLogger(__name__)

# The page shows fewer rows per panel; the CSV files have all of them.
_MAX_ROWS = 100
_MAX_CACHED = 64
_CACHED_SECONDS = 60.0
# The columns of files: what the filters and the panels of the page name.
LAYOUT = Layout(RANKINGS)
# Questions to column files that run at a time; each may use all threads of DuckDB.
_MAX_QUESTIONS = 2
_QUESTION_SECONDS = 120.0


def _filtered(name: str) -> bytes:
    """A query with the condition of the filters."""
    filtered = queries[name].replace(b"{filters}", CONDITION.encode())
    return filtered.replace(b"{error}", ERROR.encode())


# Expressions are constants of the code (render/panels.py). Whatever comes from a request is a parameter.
_EXPRESSIONS = ", ".join(f"({number}, {expression})" for number, expression in enumerate(RANKINGS))
_SELECTED_EVENTS = {
    name: _filtered("selected_events") + _filtered(name).replace(b"{expressions}", _EXPRESSIONS.encode())
    for name in ("totals", "rankings", "forms", "errors", "web_vitals")
}
_COUNTS_BY_STEP = _filtered("counts_by_step")


class HistoryUnavailable(Exception):
    """There is no result; the message tells the reader why."""


class HistoryService:
    """Runs queries."""

    def __init__(self, database: Database, columns: Columns | None = None) -> None:
        self._database, self._columns = database, columns
        # With the version of the rows; "" if it is not known, and then until when the result may be shown.
        self._cache: OrderedDict[Query, tuple[str, float, Result]] = OrderedDict()
        self._slots = asyncio.Semaphore(_MAX_QUESTIONS)

    async def run(self, query: Query) -> Result:
        """The result of a query. Raise `HistoryUnavailable`."""
        preparing = ""
        try:
            if self._columns:
                try:
                    return await self._from_columns(self._columns, query)
                except FilesMissing as missing:
                    preparing = f" Faster files are being prepared: {missing}."
                except psycopg.errors.InsufficientPrivilege as error:
                    # A role of somebody's own that may read the view `events` and nothing else.
                    log.warning("column files need the role footfall_reader", extra={"error": repr(error)})
                except (duckdb.Error, Cancelled) as error:
                    # Somebody deleted files, or the disk is full.
                    log.warning("column files do not answer; Postgres is asked", extra={"error": repr(error)})
                    await self._columns.check()
            return await self._from_rows(query)
        except psycopg.errors.QueryCanceled as error:
            raise HistoryUnavailable(f"The query took too long. Choose a shorter period.{preparing}") from error
        except psycopg.errors.UndefinedTable as error:
            raise HistoryUnavailable("No events yet: the sinks have not created their tables.") from error
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.warning("the history is unavailable", extra={"error": repr(error)})
            raise HistoryUnavailable("Postgres is unavailable. The live page works without it.") from error

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


async def _asked(columns: Columns, reading: Reading, query: Query, period: Period) -> Result:
    """Ask column files in a thread. If nobody waits any more, that ends."""
    session = columns.engine.session()
    questions = Questions(session, LAYOUT, reading.sources, period, dict(query.filters), _MAX_ROWS)
    try:
        work = asyncio.to_thread(_result, questions, query, reading)
        return await asyncio.wait_for(work, _QUESTION_SECONDS)
    except (asyncio.CancelledError, TimeoutError):
        session.cancel()
        raise


def _result(questions: Questions, query: Query, reading: Reading) -> Result:
    counts = questions.counts()
    return Result(
        query,
        result.totals(questions.totals()),
        result.steps(query, counts.steps),
        result.previous_sums(query, counts.previous_steps) if query.compare else [],
        {
            **result.rankings(query, counts.rankings),
            "forms": result.forms(query, questions.forms()),
            "errors": result.errors(query, questions.errors()),
            "web_vitals": result.web_vital_rows(
                query, questions.web_vitals([(each.name, each.good, each.poor) for each in METRICS])
            ),
        },
        ReadFrom(reading.days, reading.rows, reading.as_of),
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
    params = _params(query)

    async def found(name: str) -> Found:
        cursor = await connection.execute(_SELECTED_EVENTS[name], params)
        return await cursor.fetchall()

    (totals,) = await found("totals")
    steps = await _counts_by_step(connection, query, query.starts)
    previous = await _counts_by_step(connection, query, query.previous_starts) if query.compare else None
    return Result(
        query,
        result.totals(totals),
        result.steps(query, steps),
        [] if previous is None else result.previous_sums(query, previous),
        {
            **result.rankings(query, await found("rankings")),
            "forms": result.forms(query, await found("forms")),
            "errors": result.errors(query, await found("errors")),
            "web_vitals": result.web_vital_rows(query, await found("web_vitals")),
        },
    )


async def _counts_by_step(connection: psycopg.AsyncConnection, query: Query, starts: list[datetime]) -> Found:
    is_hourly = all(start.timestamp() % 3600 == 0 for start in starts)
    is_in_roll_up = is_hourly and dict(query.filters).keys() <= {"type"}
    counts_by_step = queries["counts_by_step_hourly"] if is_in_roll_up else _COUNTS_BY_STEP
    step = timedelta(hours=1) if query.step == "hour" else timedelta(days=1)
    until = query.until if starts[0] >= query.since else query.previous_until
    bounds = {"starts": starts, "first": starts[0], "end": min(starts[-1] + step, until)}
    cursor = await connection.execute(counts_by_step, _params(query) | bounds)
    return await cursor.fetchall()


def _params(query: Query) -> dict[str, Any]:
    return {
        **dict.fromkeys(FILTERS),
        **dict(query.filters),
        "since": query.since,
        "until": query.until,
        "previous_since": query.previous_since,
        "previous_until": query.previous_until,
        "max_rows": _MAX_ROWS,
        "metrics": [metric.name for metric in METRICS],
        "good": [float(metric.good) for metric in METRICS],
        "poor": [float(metric.poor) for metric in METRICS],
    }
