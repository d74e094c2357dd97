"""The history service: runs a query's SQL in one snapshot of the database, and caches results for a minute."""

import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import psycopg

from dashboard.filters import CONDITION, FILTERS
from dashboard.history import result
from dashboard.history.query import Query
from dashboard.history.result import RANKINGS, Found, Result
from dashboard.render.web_vitals import METRICS
from dashboard.sql import Database, queries

log = logging.getLogger(__name__)

# The page shows fewer rows per panel; the CSV files have all of them.
_MAX_ROWS = 100
_MAX_CACHED = 64


def _filtered(name: str) -> bytes:
    """A query with the condition of the filters."""
    return queries[name].replace(b"{filters}", CONDITION.encode())


# Expressions are constants of the code (render/panels.py). Whatever comes from a request is a parameter.
_EXPRESSIONS = ", ".join(f"({number}, {expression})" for number, expression in enumerate(RANKINGS))
_SELECTED_EVENTS = {
    name: _filtered("selected_events") + queries[name].replace(b"{expressions}", _EXPRESSIONS.encode())
    for name in ("totals", "rankings", "forms", "errors", "web_vitals")
}
_COUNTS_BY_STEP = _filtered("counts_by_step")


class HistoryUnavailable(Exception):
    """There is no result; the message tells the reader why."""


class HistoryService:
    """Runs queries."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # A query ends with the current minute, so a cached result is never older than that.
        self._cache: OrderedDict[Query, Result] = OrderedDict()

    async def run(self, query: Query) -> Result:
        """The result of a query. Raise `HistoryUnavailable`."""
        if query not in self._cache:
            try:
                async with self._database.reading() as connection:
                    self._cache[query] = await _run(connection, query)
            except psycopg.errors.QueryCanceled as error:
                raise HistoryUnavailable("The query took too long. Choose a shorter period.") from error
            except psycopg.errors.UndefinedTable as error:
                raise HistoryUnavailable("No events yet: the sinks have not created their tables.") from error
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("the history is unavailable", extra={"error": repr(error)})
                raise HistoryUnavailable("Postgres is unavailable. The live page works without it.") from error
            while len(self._cache) > _MAX_CACHED:
                self._cache.popitem(last=False)
        return self._cache[query]


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
    bounds = {"starts": starts, "first": starts[0], "end": min(starts[-1] + step, query.until)}
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
