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


class Questions:
    """Asks about one period and one set of filters."""

    def __init__(
        self,
        session: Session,
        layout: Layout,
        sources: str,
        period: Period,
        selection: Selection,
        max_rows: int,
    ) -> None:
        condition, params = _condition(layout, selection.conditions)
        self._session, self._layout, self._period = session, layout, period
        self._params = params | {"search": selection.search.lower()}
        self._max_rows = max_rows
        self._head = _filled(
            "selected",
            sources=sources,
            filters=condition,
            programs=str(selection.programs).lower(),
            since=period.since,
            until=period.until,
            previous_since=period.previous_since,
            previous_until=period.previous_until,
        )

    def totals(self) -> tuple[Any, ...]:
        (row,) = self._rows("totals")
        return row

    def features(self, max_values: int) -> Rows:
        return self._rows("features", max_rows=self._max_rows, max_values=max_values)

    def forms(self) -> Rows:
        return self._rows("forms", max_rows=self._max_rows)

    def errors(self) -> Rows:
        return self._rows("errors", max_rows=self._max_rows)

    def web_vitals(self, metrics: Sequence[tuple[str, float, float]]) -> Rows:
        """`metrics`: names, and up to which value they are good, and from which on poor."""
        known = ", ".join(f"('{name}', {good!r}::double, {poor!r}::double)" for name, good, poor in metrics)
        return self._rows("web_vitals", metrics=known)

    def web_vital_steps(self, metric: str) -> Rows:
        """Rows of whether a step is of the period, its number, and the 75th percentile of the metric in it."""
        periods = ((True, self._period.starts), (False, self._period.previous_starts))
        starts = [(is_current, *each) for is_current, all_ in periods for each in enumerate(all_)]
        self._params["metric"] = metric
        return self._rows("web_vital_steps", starts=", ".join(f"({a}, {b}, {c})" for a, b, c in starts))

    def counts(self, rankings: Sequence[int], programs: int) -> Counts:
        """The rankings with these numbers, and steps. The ranking `programs` counts programs in any case."""
        names = {self._layout.rankings[number]: number for number in rankings}
        columns = list(dict.fromkeys([*names, "event_type"]))
        of_programs = self._layout.rankings[programs]
        period = self._period
        quantum = gcd(*period.starts, *period.previous_starts) or period.until
        rows = self._rows(
            "counts",
            columns=", ".join(columns),
            counted=", ".join(
                each if each == of_programs else f"case when is_counted then {each} end as {each}"
                for each in columns
            ),
            sets="".join(f"({column}), " for column in names),
            quantum=quantum,
            max_rows=self._max_rows,
        )
        # Of `grouping`: a bit for each column, 0 for those by which a line counts; the first bit is the step's.
        every = (1 << len(columns)) - 1
        numbers = {every - (1 << place): names.get(each) for place, each in enumerate(reversed(columns))}
        found = [(numbers[each - every - 1], *rest) for each, step, *rest in rows if step is None]
        steps, previous_steps = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
        for _number, step, event_type, events, previous, _all in rows:
            if step is not None and events:
                steps[bisect_right(period.starts, step * quantum) - 1, event_type] += events
            if step is not None and previous:
                previous_steps[bisect_right(period.previous_starts, step * quantum) - 1, event_type] += previous
        return Counts(found, _flat(steps), _flat(previous_steps))

    def _rows(self, name: str, **parts: object) -> Rows:
        return self._session.rows(self._head + _filled(name, **parts), self._params)


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


def _filled(name: str, **parts: object) -> str:
    text = _SQL[name]
    for placeholder, part in parts.items():
        text = text.replace(f"{{{placeholder}}}", str(part))
    return text


def _flat(counts: Mapping[tuple[int, str], int]) -> Rows:
    return [(step, event_type, events) for (step, event_type), events in counts.items()]
