"""Questions to column files, with the rows that the SQL of the same name over Postgres gives."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from math import gcd
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dashboard.columns.engine import Session
from dashboard.columns.layout import ENTRY, VALUE, Layout
from dashboard.columns.plan import DAY
from dashboard.columns.summaries import PARTS, QUARTER, Summaries, numbers, rows_of
from dashboard.filters import PROPERTY, Condition, groups

Rows = Sequence[tuple[Any, ...]]
_SQL: Mapping[str, str] = MappingProxyType(
    {path.stem: path.read_text() for path in (Path(__file__).parent / "sql").glob("*.sql")}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Two periods and their steps, in milliseconds since 1970. Ends are not included."""

    since: int
    until: int
    previous_since: int
    previous_until: int
    starts: tuple[int, ...]
    previous_starts: tuple[int, ...]

    @property
    def both(self) -> Sequence[tuple[int, int]]:
        """Start and end of the period and of the previous one."""
        return (self.since, self.until), (self.previous_since, self.previous_until)

    @property
    def as_values(self) -> str:
        """The steps of both in SQL: whether one is of the period, its number, and when it starts."""
        periods = ((True, self.starts), (False, self.previous_starts))
        starts = [(is_current, *each) for is_current, all_ in periods for each in enumerate(all_)]
        return ", ".join(f"({is_current}, {step}, {start})" for is_current, step, start in starts)

    @property
    def is_in_quarters(self) -> bool:
        """Whether all steps begin with a quarter of an hour, as they do in all zones of today."""
        return all(start % QUARTER == 0 for start in (*self.starts, *self.previous_starts))


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a ranking's number, name, events, previous events and all events; and of step, type and events."""

    rankings: Rows
    steps: Rows
    previous_steps: Rows


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events count, and which names are shown: those that contain `search`."""

    conditions: Sequence[Condition]
    _: KW_ONLY
    programs: bool
    search: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What a question reads: `rows` is SQL for rows, as far as no summaries have them; empty if there are none."""

    rows: str
    summaries: Sequence[Summaries] = ()
    # With summaries: SQL for all rows.
    all_rows: str = ""


_ALL = ", selected as (select * from raw)"
_NO_LINES = "select 0 as number, 0 as step, '' as name, 0 as events, 0 as previous where false"


class Questions:
    """Asks about one period and one set of filters. Summaries answer only questions without filters."""

    def __init__(
        self,
        session: Session,
        layout: Layout,
        stored: Stored,
        period: Period,
        selection: Selection,
        max_rows: int,
    ) -> None:
        condition, params = _condition(layout, selection.conditions)
        self._session, self._layout, self._period, self._stored = session, layout, period, stored
        self._params = params | {"search": selection.search.lower()}
        self._max_rows = max_rows
        # Rows count one each, groups of summaries as many as they are.
        self._events = "sum(events)" if stored.summaries else "count(*)"
        flags = {
            "programs": str(selection.programs).lower(),
            "since": period.since,
            "until": period.until,
            "previous_since": period.previous_since,
            "previous_until": period.previous_until,
        }
        rows = stored.rows or layout.no_rows
        self._head = filled("selected", rows=rows, filters=condition, **flags)
        # Summaries do not know of which step a web vital is.
        rows = stored.all_rows or rows
        self._head_of_all = filled("selected", rows=rows, filters=condition, **flags) + _ALL
        self._summed = filled("summed", **flags)

    def totals(self) -> tuple[Any, ...]:
        """Without people, if there are summaries: None stands for them."""
        if self._stored.summaries:
            (row,) = self._rows("totals_of_summaries", "steps")
            return None, None, *row
        ((row),) = self._rows("totals")
        return row

    def features(self, max_values: int) -> Rows:
        return self._rows("features", "features", max_rows=self._max_rows, max_values=max_values)

    def forms(self) -> Rows:
        return self._rows("forms", "forms", max_rows=self._max_rows)

    def errors(self) -> Rows:
        return self._rows("errors", "errors", max_rows=self._max_rows)

    def web_vitals(self, metrics: Sequence[tuple[str, float, float]]) -> Rows:
        """`metrics`: names, and up to which value they are good, and from which on poor."""
        known = ", ".join(f"('{name}', {good!r}::double, {poor!r}::double)" for name, good, poor in metrics)
        return self._rows("web_vitals", "web_vitals", metrics=known)

    def web_vital_steps(self, metric: str) -> Rows:
        """Rows of whether a step is of the period, its number, and the 75th percentile of the metric in it."""
        query = filled("web_vital_steps", starts=self._period.as_values)
        return self._session.rows(self._head_of_all + query, {**self._params, "metric": metric})

    def counts(self, rankings: Sequence[int], programs: int) -> Counts:
        """The rankings with these numbers, and steps. The ranking `programs` counts programs in any case."""
        period = self._period
        first = period.previous_since
        # The longest time of which every step is a multiple.
        quantum = gcd(*(start - first for start in (*period.starts, *period.previous_starts))) or DAY
        counted = self._counted(rankings, programs, f"(ms - {first}) // {quantum}")
        rows = self._rows("counts", counted=counted, max_rows=self._max_rows)
        found = [(number, *rest) for number, step, *rest in rows if step is None]
        steps, previous_steps = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
        for _number, step, event_type, events, previous, _all in rows:
            if step is not None and events:
                steps[bisect_right(period.starts, first + step * quantum) - 1, event_type] += events
            if step is not None and previous:
                previous_steps[bisect_right(period.previous_starts, first + step * quantum) - 1, event_type] += (
                    previous
                )
        return Counts(found, _flat(steps), _flat(previous_steps))

    def _counted(self, rankings: Sequence[int], programs: int, step: str) -> str:
        """SQL for lines of number, step, name, events and previous events."""
        by_column = {self._layout.rankings[number]: number for number in rankings}
        columns = list(dict.fromkeys([*by_column, "event_type"]))
        of_programs = self._layout.rankings[programs]
        parts = {
            "number": f"case when step is null then {numbers(columns, by_column, -1)} else -1 end",
            "columns": ", ".join(columns),
            "counted": ", ".join(
                each if each == of_programs else f"case when is_counted then {each} end as {each}"
                for each in columns
            ),
            "sets": "".join(f"({column}), " for column in by_column),
            "step": step,
        }
        of_rows = filled("counts_of_rows", **parts)
        if not self._stored.summaries:
            return of_rows
        return filled(
            "counts_of_summaries",
            of_rows=of_rows if self._stored.rows else _NO_LINES,
            names=self._of_summaries("names", ("number", "name", "ms", "is_person", "events")),
            steps=self._of_summaries("steps", ("event_type", "ms", "is_person", "events")),
            numbers=", ".join(map(str, rankings)) or "null",
            programs=programs,
            step=step,
        )

    def _of_summaries(self, part: str, columns: Sequence[str]) -> str:
        selected = rows_of(part, self._stored.summaries, ", ".join(columns))
        return self._summed.replace("{rows}", " union all ".join(selected))

    def _rows(self, name: str, part: str = "", **parts: object) -> Rows:
        """The rows of a query over `selected`: the rows of a part, or what is not of a part: `raw`."""
        query, head = filled(name, events=self._events, **parts), self._head
        if part and self._stored.summaries:
            columns = (*PARTS[part].columns, *PARTS[part].first_of, *PARTS[part].last_of, "events")
            sources, flags = [self._of_summaries(part, columns)], "is_counted, is_current, is_previous"
            if self._stored.rows:
                sources.append(f"select {', '.join(columns)}, {flags} from ({PARTS[part].rows})")
            head += f", selected as ({' union all by name '.join(sources)})"
        else:
            head += f", selected as ({PARTS[part].rows})" if part else _ALL
        return self._session.rows(head + query, self._params)


def _condition(layout: Layout, conditions: Sequence[Condition]) -> tuple[str, dict[str, str]]:
    """The conditions as SQL over files, and its parameters: the same as `filters.as_sql` over rows."""
    parts, params = [], dict[str, str]()
    for number, group in enumerate(groups(conditions)):
        values = {f"value_{number}_{place}": value for place, value in enumerate(group.values)}
        params |= values
        alternatives = ", ".join(f"${name}" for name in values)
        if group.name == PROPERTY:
            params |= {f"type_{number}": group.event_type, f"property_{number}": group.property_name}
            entries = [f"$property_{number} || {VALUE} || ${name}" for name in values]
            has_any = f"list_has_any(str_split(properties, {ENTRY}), [{', '.join(entries)}])"
            compared = f"(event_type = $type_{number} and {has_any})"
        else:
            compared = f"({layout.filters[group.name]} in ({alternatives}))"
        parts.append(f"{compared} is not true" if group.is_excluded else compared)
    return " and ".join(parts) or "true", params


def filled(name: str, **parts: object) -> str:
    """A query of the folder `sql`, with its placeholders."""
    text = _SQL[name]
    for placeholder, part in parts.items():
        text = text.replace(f"{{{placeholder}}}", str(part))
    return text


def _flat(counts: Mapping[tuple[int, str], int]) -> Rows:
    return [(step, event_type, events) for (step, event_type), events in counts.items()]
