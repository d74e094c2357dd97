"""The answers of the Stats API: a table of named columns with units, for JSON, CSV and Parquet alike. No I/O."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from dashboard.filters import PROPERTY, PropertyValue, property_value
from dashboard.history.result import Result, panels_of
from dashboard.history.service import CACHED_SECONDS
from dashboard.render import panel as panels
from dashboard.stats_api import metrics
from dashboard.stats_api.dimensions import panel_of, property_of
from dashboard.stats_api.metrics import VIEWS_PER_VISIT, Metric
from dashboard.stats_api.request import DEFAULT_LIMIT, Asked, Kind

Type = Literal["text", "number", "time"]
Value = str | float | int | None
Row = dict[str, Value]

# What the columns of panels count, by the kind of column; others are counts of what they are named after.
_UNITS = {"percent": "percent", "vital": "milliseconds", "text": "", "named": "", "page": "", "rating": ""}
_SHARES = ("good", "fair", "poor")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its values are text, numbers of a unit, or times in ISO 8601 with an offset."""

    name: str
    type: Type
    unit: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows."""

    columns: Sequence[Column]
    rows: Sequence[Row]

    def page(self, limit: int | None, offset: int) -> "Table":
        """Some of the rows; without a limit all that follow."""
        return replace(self, rows=self.rows[offset:] if limit is None else self.rows[offset : offset + limit])


@dataclass(frozen=True, slots=True)
class Answered:
    """What the history says, and what it says when it is asked for a metric of speed."""

    result: Result
    of_speed: Mapping[str, Result] = field(default_factory=dict)


def table_of(kind: Kind, asked: Asked, answered: Answered) -> Table:
    """All rows of an answer."""
    return _TABLES[kind](asked, answered)


def as_json(kind: Kind, asked: Asked, result: Result, table: Table, now: datetime) -> dict[str, Any]:
    """An answer for programs: a page of the table, and what it is an answer to."""
    query = result.query
    shown = table.page(asked.limit or DEFAULT_LIMIT, asked.offset) if kind == "breakdown" else table
    end = asked.offset + len(shown.rows)
    return {
        "since": query.since.isoformat(),
        "until": query.until.isoformat(),
        "tz": query.zone.key,
        "previous_since": query.previous_since.isoformat() if query.compare else None,
        "previous_until": query.previous_until.isoformat() if query.compare else None,
        "compare": asked.compare or None,
        "step": query.step if kind == "series" else None,
        "by": asked.by or None,
        "goal": {"name": query.goal.name, "value": query.goal.value} if query.goal else None,
        "filters": [
            {"name": each.name, "value": each.value, "is_excluded": each.is_excluded} for each in query.filters
        ],
        "notices": list(result.notices),
        "columns": [
            {"name": each.name, "type": each.type, "unit": each.unit, "about": each.about}
            for each in shown.columns
        ],
        "rows": list(shown.rows),
        "total_rows": len(table.rows),
        "next_offset": end if end < len(table.rows) else None,
        "is_cut": kind == "breakdown" and is_cut(asked, result),
        "as_of": as_of(now),
        "programs": query.programs,
        "program_events_left_out": result.left_out,
    }


def as_of(now: datetime) -> str:
    """What had landed by then is counted."""
    return (now - timedelta(seconds=CACHED_SECONDS)).astimezone(UTC).isoformat(timespec="seconds")


def is_cut(asked: Asked, result: Result) -> bool:
    """Whether there may be more rows than the history ranks."""
    rows = result.panels.get(panel_of(asked.by) or "", {})
    of_properties = Counter(tuple(cells[1:3]) for cells in rows.values()) if asked.by == PROPERTY else Counter()
    return len(rows) >= result.query.max_rows or any(
        values >= result.query.max_values for values in of_properties.values()
    )


def _totals(asked: Asked, answered: Answered) -> Table:
    result = answered.result
    found = {total.key: total for total in result.totals}
    columns, row = list[Column](), Row()
    for name in asked.metrics:
        columns += _metric(name, metrics.TOTALS[name], has_previous=result.query.compare)
        row[name] = found[name].current
        if result.query.compare:
            row[f"previous_{name}"] = found[name].previous
    return Table(columns, [row])


def _series(asked: Asked, answered: Answered) -> Table:
    query = answered.result.query
    columns = [Column("start", "time", about="When the step begins.")]
    rows: list[Row] = [{"start": start.isoformat()} for start in query.starts]
    if query.compare:
        columns.append(Column("previous_start", "time", about="When the step that it is compared with begins."))
        starts = query.previous_starts
        for number, row in enumerate(rows):
            row["previous_start"] = starts[number].isoformat() if number < len(starts) else None
    for name in asked.metrics:
        columns += _metric(name, metrics.SERIES[name], has_previous=query.compare)
        _fill(rows, name, values_of(answered.of_speed.get(name, answered.result), name, is_current=True))
        if query.compare:
            _fill(
                rows,
                f"previous_{name}",
                values_of(answered.of_speed.get(name, answered.result), name, is_current=False),
            )
    return Table(columns, rows)


def values_of(result: Result, name: str, *, is_current: bool) -> Sequence[float | None]:
    """A metric of each step of the period, or of the previous one."""
    if name == VIEWS_PER_VISIT:
        views, visits = (values_of(result, each, is_current=is_current) for each in ("views", "visits"))
        return [
            round(viewed / visited, 2) if viewed is not None and visited else None
            for viewed, visited in zip(views, visits, strict=True)
        ]
    return replace(result, query=replace(result.query, measure=name)).values(is_current=is_current)


def _fill(rows: Sequence[Row], name: str, values: Sequence[float | None]) -> None:
    # The previous period may have an hour less.
    for number, row in enumerate(rows):
        row[name] = values[number] if number < len(values) else None


def _metric(name: str, metric: Metric, *, has_previous: bool) -> list[Column]:
    current = Column(name, "number", metric.unit, metric.about)
    return [current, _previous(current)] if has_previous else [current]


def _previous(column: Column) -> Column:
    return Column(f"previous_{column.name}", "number", column.unit, "The same of the previous period.")


def _breakdown(asked: Asked, answered: Answered) -> Table:
    result = answered.result
    name = panel_of(asked.by) or ""
    shown = panels_of(result.query)[name]
    rows = [dict(_flat(row, shown)) for row in shown.as_json(result.panels[name])]
    columns = list(_columns(shown))
    found = property_of(asked.by)
    if found is None:
        return Table(columns, rows)
    of_it = [row | {"name": row["value"]} for row in rows if _is_of(found, str(row["name"]))]
    of_it = [row for row in of_it if asked.search.lower() in str(row["name"]).lower()]
    dropped = ("value", "event_type", "property")
    return Table(
        [column for column in columns if column.name not in dropped],
        [{key: value for key, value in row.items() if key not in dropped} for row in of_it],
    )


def _is_of(wanted: PropertyValue, name: str) -> bool:
    """Whether a row of the features, by its name, is a value of this property."""
    found = property_value(name)
    return found is not None and (found.event_type, found.name) == (wanted.event_type, wanted.name)


def _columns(panel: panels.Panel) -> Iterator[Column]:
    yield Column("name", "text", about="The value; a filter by it is written the same.")
    counted = None
    for column in panel.columns:
        if column.kind == "key":
            continue
        if column.kind == "shares":
            yield from (Column(each, "number", "percent", "Share of the samples.") for each in _SHARES)
        elif column.kind == "change":
            assert counted
            yield _previous(counted)
        elif column.kind in ("count", "percent", "vital"):
            found = Column(column.key, "number", _UNITS.get(column.kind, column.key))
            counted = counted or (found if column.kind != "percent" else None)
            yield found
        else:
            yield Column(column.key, "time" if column.kind == "time" else "text")


def _flat(row: dict[str, Any], panel: panels.Panel) -> Iterator[tuple[str, Value]]:
    """The cells of a row by the names of their columns, without lists."""
    counted = next((column.key for column in panel.columns if column.kind in ("count", "vital")), "")
    yield "name", row["name"] if "name" in row else row[panel.columns[0].key]
    for column in panel.columns:
        value = row[column.key]
        if column.kind == "shares":
            yield from zip(_SHARES, value, strict=True)
        elif column.kind == "change":
            yield f"previous_{counted}", value
        elif column.kind != "key":
            yield column.key, value


_TABLES = {"totals": _totals, "series": _series, "breakdown": _breakdown}
