"""Questions to column files, with the rows that the SQL of the same name over Postgres gives."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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

    def rankings(self) -> Rows:
        return list(self._rankings())

    def forms(self) -> Rows:
        return self._rows("forms", max_rows=self._max_rows)

    def errors(self) -> Rows:
        return self._rows("errors", max_rows=self._max_rows)

    def web_vitals(self, metrics: Sequence[tuple[str, float, float]]) -> Rows:
        """`metrics`: names, and up to which value they are good, and from which on poor."""
        known = ", ".join(f"('{name}', {good!r}::double, {poor!r}::double)" for name, good, poor in metrics)
        return self._rows("web_vitals", metrics=known)

    def counts_by_step(self) -> tuple[Rows, Rows]:
        """Rows of step, type, events; and the same of the previous period."""
        period = self._period
        quantum = gcd(*period.starts, *period.previous_starts) or period.until
        current, previous = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
        for number, event_type, events, previous_events in self._rows("counts_by_step", quantum=quantum):
            at = number * quantum
            if events:
                current[bisect_right(period.starts, at) - 1, event_type] += events
            if previous_events:
                previous[bisect_right(period.previous_starts, at) - 1, event_type] += previous_events
        return _flat(current), _flat(previous)

    def _rankings(self) -> Iterator[tuple[Any, ...]]:
        for number, column in enumerate(self._layout.rankings):
            for row in self._rows("ranking", column=column, max_rows=self._max_rows):
                yield (number, *row)

    def _rows(self, name: str, **parts: object) -> Rows:
        return self._session.rows(self._head + _filled(name, **parts), self._params)


def _filled(name: str, **parts: object) -> str:
    text = _SQL[name]
    for placeholder, part in parts.items():
        text = text.replace(f"{{{placeholder}}}", str(part))
    return text


def _flat(counts: Mapping[tuple[int, str], int]) -> Rows:
    return [(step, event_type, events) for (step, event_type), events in counts.items()]
