"""A query of the history by SQL over the rows of Postgres."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from avro_schemas.schema import typed_events
from dashboard.filters import FILTERS, as_sql
from dashboard.history import result
from dashboard.history.query import Query
from dashboard.history.result import RANKINGS, Found, Result
from dashboard.render.panels import HISTORY
from dashboard.render.web_vitals import METRICS
from dashboard.sql import queries


async def landed_rows(connection: psycopg.AsyncConnection, query: Query) -> int:
    """About how many rows the period has; 0 if this role may not know."""
    params = {"since": query.previous_since, "until": query.until}
    try:
        async with connection.transaction():
            cursor = await connection.execute(queries["landed_hours"], params)
            return sum(rows for _hour, rows in await cursor.fetchall())
    except psycopg.errors.InsufficientPrivilege:
        return 0


async def result_of_rows(connection: psycopg.AsyncConnection, query: Query) -> AsyncIterator[Result]:
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
    if has_panel(query, "features"):
        found = found.with_panels({"features": result.features(query, await rows_of("features"))})
        yield found
    if expressions_of(query):
        found = found.with_panels(result.rankings(query, await rows_of("rankings")))
        yield found
    for name in OWN_QUERIES:
        if name not in found.panels and has_panel(query, name):
            found = found.with_panels({name: OWN_QUERIES[name](query, await rows_of(name))})
            yield found


def has_panel(query: Query, panel: str) -> bool:
    """Whether a query shows a panel."""
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
        "programs_ranking": PROGRAMS,
        "search": query.search,
        "typed": sorted(typed_events()),
        "max_rows": query.max_rows,
        "max_values": query.max_values,
        "metrics": [metric.name for metric in METRICS],
        "good": [float(metric.good) for metric in METRICS],
        "poor": [float(metric.poor) for metric in METRICS],
    }


# Panels with a query of their own.
OWN_QUERIES = {
    "features": result.features,
    "errors": result.errors,
    "web_vitals": result.web_vital_rows,
    "forms": result.forms,
}
# The ranking that counts programs in any case.
PROGRAMS = RANKINGS.index(HISTORY["programs"].expression)
