"""Questions to column files, with the rows that the SQL of the same name over Postgres gives."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dashboard.columns.engine import Session
from dashboard.columns.layout import Layout

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


class Questions:
    """Asks about one period and one set of filters."""

    def __init__(
        self,
        session: Session,
        layout: Layout,
        sources: str,
        period: Period,
        filters: Mapping[str, str],
        max_rows: int,
    ) -> None:
        conditions = [f"{layout.filters[name]} = ${name}" for name in filters]
        self._session, self._layout, self._period, self._params = session, layout, period, filters
        self._max_rows = max_rows
        self._head = _filled(
            "selected",
            sources=sources,
            filters=" and ".join(conditions) or "true",
            since=period.since,
            until=period.until,
            previous_since=period.previous_since,
            previous_until=period.previous_until,
        )

    def totals(self) -> tuple[Any, ...]:
        (row,) = self._rows("totals")
        return row

    def forms(self) -> Rows:
        return self._rows("forms", max_rows=self._max_rows)

    def errors(self) -> Rows:
        return self._rows("errors", max_rows=self._max_rows)

    def web_vitals(self, metrics: Sequence[tuple[str, float, float]]) -> Rows:
        """`metrics`: names, and up to which value they are good, and from which on poor."""
        known = ", ".join(f"('{name}', {good!r}::double, {poor!r}::double)" for name, good, poor in metrics)
        return self._rows("web_vitals", metrics=known)

    def counts(self) -> Counts:
        """Rankings and steps."""
        period, columns = self._period, self._layout.rankings
        quantum = gcd(*period.starts, *period.previous_starts) or period.until
        rows = self._rows(
            "counts",
            columns=", ".join(columns),
            sets=", ".join(f"({column})" for column in columns),
            quantum=quantum,
            max_rows=self._max_rows,
        )
        # Of `grouping`: a bit for each column, 0 for those by which a line counts; the first bit is the step's.
        every = (1 << len(columns)) - 1
        numbers = {every - (1 << place): number for number, place in enumerate(reversed(range(len(columns))))}
        rankings = [(numbers[each - every - 1], *rest) for each, step, *rest in rows if step is None]
        steps, previous_steps = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
        for _number, step, event_type, events, previous, _all in rows:
            if step is not None and events:
                steps[bisect_right(period.starts, step * quantum) - 1, event_type] += events
            if step is not None and previous:
                previous_steps[bisect_right(period.previous_starts, step * quantum) - 1, event_type] += previous
        return Counts(rankings, _flat(steps), _flat(previous_steps))

    def _rows(self, name: str, **parts: object) -> Rows:
        return self._session.rows(self._head + _filled(name, **parts), self._params)


def _filled(name: str, **parts: object) -> str:
    text = _SQL[name]
    for placeholder, part in parts.items():
        text = text.replace(f"{{{placeholder}}}", str(part))
    return text


def _flat(counts: Mapping[tuple[int, str], int]) -> Rows:
    return [(step, event_type, events) for (step, event_type), events in counts.items()]
