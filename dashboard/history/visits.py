"""Visits in the history: which filters select them, and the totals and panels that are made of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import psycopg

from dashboard.columns.layout import VisitLayout
from dashboard.columns.visit_questions import VisitQuestions, VisitSelection
from dashboard.filters import FILTERS, Condition, groups
from dashboard.history.query import VISIT_FILTERS, Query
from dashboard.history.result import Found, Result, Total, panels_of
from dashboard.history.visits_progress import VisitsProgress
from dashboard.render.panel import Rows, percent
from dashboard.render.panels import HISTORY
from dashboard.sql import Database, queries

# What a filter compares, of the view `visits`; of lists, whether any of their values is one that is looked for.
_LISTS = MappingProxyType({"page": "pages", "route": "routes", "type": "event_types"})
_EXPRESSIONS: Mapping[str, str] = MappingProxyType(
    {name: name if name == "browser" else FILTERS[name].expression for name in VISIT_FILTERS - _LISTS.keys()}
)


# The columns of files: what filters and panels compare.
VISIT_LAYOUT = VisitLayout(
    [*_EXPRESSIONS.values(), *(panel.visit_expression for panel in HISTORY.values() if panel.visit_expression)]
)


# Of sinks older than this dashboard, and for a role of somebody's own that may read `events` alone.
_NO_PROGRESS = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InsufficientPrivilege,
)


@dataclass(frozen=True, slots=True)
class Visits:
    """What the database says about visits, for a query."""

    # Of the periods, and of their steps: rows of sql/visit_steps.sql.
    totals: Found
    # None: not known yet.
    rankings: Found | None

    def added_to(self, found: Result) -> Result:
        """The result with the totals and panels of visits; events stay what they are."""
        query = found.query
        panels = dict(found.panels) | ({} if self.rankings is None else _panels(query, self.rankings))
        totals = _totals(query, self.totals)
        steps = [row for row in self.totals if row[1] is not None]
        return replace(found, totals=[*totals, found.totals[-1]], panels=panels, visit_steps=steps)


def condition(conditions: Iterable[Condition]) -> tuple[str, dict[str, Any]]:
    """The conditions as SQL over the view `visits`, and its parameters; all are of `VISIT_FILTERS`."""
    parts, params = [], dict[str, Any]()
    for number, group in enumerate(groups(conditions)):
        params[f"values_{number}"] = list(group.values)
        values = f"%(values_{number})s::text[]"
        if group.name in _LISTS:
            compared = f"({_LISTS[group.name]} && {values})"
        else:
            compared = f"(({_EXPRESSIONS[group.name]}) = any ({values}))"
        parts.append(f"{compared} is not true" if group.is_excluded else compared)
    return " and ".join(parts) or "true", params


async def read_visits(connection: psycopg.AsyncConnection, query: Query, max_rows: int) -> Visits:
    """Ask the database."""
    filters, params = condition(query.filters)
    # A goal is an event type or a page, as filters write it.
    goal = f"%(goal)s = any ({_LISTS[query.goal.name]})" if query.goal else "false"
    params |= {
        "since": query.since,
        "until": query.until,
        "previous_since": query.previous_since,
        "previous_until": query.previous_until,
        "starts": query.starts,
        "previous_starts": query.previous_starts or query.starts,
        "goal": query.goal.value if query.goal else "",
        "search": query.search,
        "max_rows": max_rows,
    }
    ranked = _ranked(query)
    parts = {
        "filters": filters,
        "goal": goal,
        "expressions": ", ".join(f"('{name}', {expression})" for name, expression in ranked.items()),
    }

    async def found(name: str) -> Found:
        text = queries["selected_visits"] + queries[name]
        for part, sql in parts.items():
            text = text.replace(b"{%s}" % part.encode(), sql.encode())
        return await (await connection.execute(text, params)).fetchall()

    return Visits(await found("visit_steps"), await found("visit_rankings") if ranked else [])


async def read_visits_progress(database: Database) -> VisitsProgress | None:
    """How far visits have followed landing; None if Postgres does not say."""
    try:
        async with database.reading() as connection:
            row = await (await connection.execute(queries["visits_progress"])).fetchone()
    except _NO_PROGRESS:
        return None
    return VisitsProgress(*row) if row else None


def selection(query: Query) -> VisitSelection:
    """Which visits count, for column files."""
    compared = _EXPRESSIONS | _LISTS
    return VisitSelection(
        conditions=[(compared[group.name], group) for group in groups(query.filters)],
        goal=(_LISTS[query.goal.name], query.goal.value) if query.goal else None,
        search=query.search,
    )


def visits_from(questions: VisitQuestions, query: Query, max_rows: int) -> Iterator[Visits]:
    """Ask column files: first for what a chart and the totals need."""
    ranked = _ranked(query)
    yield (found := Visits(questions.steps(), None if ranked else []))
    if ranked:
        yield replace(found, rankings=questions.rankings(ranked, max_rows))


def _ranked(query: Query) -> dict[str, str]:
    """What the panels of visits that a query shows rank."""
    return {panel.name: panel.visit_expression for panel in panels_of(query).values() if panel.visit_expression}


def _totals(query: Query, found: Found) -> list[Total]:
    """From a row per period: people, visits, views, visits with a view, bounces, duration, conversions."""
    by_period = {is_current: row for is_current, step, *row in found if step is None}
    current, previous = (_figures(query, by_period.get(is_current, (0,) * 7)) for is_current in (True, False))
    return [
        Total(name, value, previous[name][0] if query.compare else None, kind)
        for name, (value, kind) in current.items()
    ]


def _figures(query: Query, row: Sequence[Any]) -> dict[str, tuple[float, str]]:
    people, visits, views, viewed, bounces, duration, converted = row
    figures: dict[str, tuple[float, str]] = {
        "People": (people, "count"),
        "Visits": (visits, "count"),
        "Views": (views, "count"),
        "Views per visit": (round(views / visits, 2) if visits else 0, "decimal"),
        "Bounce rate": (percent(bounces, viewed), "percent"),
        "Median duration": (round(duration, 1), "seconds"),
    }
    if query.goal:
        figures["Conversion"] = (percent(converted, visits), "percent")
    return figures


def _panels(query: Query, found: Found) -> dict[str, Rows]:
    """From rows of panel, name, visits, people, visits before."""
    rows: dict[str, Rows] = {panel.name: {} for panel in panels_of(query).values() if panel.visit_expression}
    for panel, name, visits, people, previous in found:
        rows[panel][name] = [visits, people, *([previous] if query.compare else [])]
    return rows
