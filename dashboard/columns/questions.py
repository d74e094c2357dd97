"""Questions to column files, with the rows that the SQL of the same name over Postgres gives."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from math import gcd
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.columns.engine import Session
from dashboard.columns.known_people import KnownPeople
from dashboard.columns.layout import ENTRY, VALUE, Layout
from dashboard.columns.people import NO_KEYS, Keys
from dashboard.columns.plan import DAY
from dashboard.columns.select import Span, cut
from dashboard.columns.summaries import (
    PARTS,
    PEOPLE,
    PLACE,
    QUARTER,
    Summaries,
    half_of,
    numbers,
    people_of,
    rows_of,
)
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
    def both(self) -> tuple[Span, Span]:
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
class Steps:
    """Rows of step, type and events of both periods, and their sums."""

    steps: Rows
    previous_steps: Rows
    views: tuple[int, int]
    events: tuple[int, int]
    # Events of programs, in the period.
    left_out: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events count, and which names are shown: those that contain `search`."""

    conditions: Sequence[Condition]
    _: KW_ONLY
    programs: bool
    search: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What a question reads: `rows` is SQL for rows, as far as no summaries have them; empty if there are none.

    Rows are those of both periods, and know in which they are: see `rows_in`.
    """

    rows: str
    summaries: Sequence[Summaries] = ()
    # With summaries: SQL for all rows.
    all_rows: str = ""
    people: KnownPeople = field(default_factory=KnownPeople, compare=False)
    # Bytes of the files that are read.
    size: int = 0


# Of lists of people.
_LISTED = "{}, ms, is_person, file, people"
# People are counted of so many events at a time: that bounds the memory.
_MAX_EVENTS = 8_000_000
_ALL = ", selected as (select * from raw)"
_NO_LINES = "select 0 as number, '' as name, 0 as events, 0 as previous where false"


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
        # Else the search is done for each row.
        self._all_names = "false" if selection.search else "true"
        # Rows count one each, groups of summaries as many as they are.
        self._events = "sum(events)" if stored.summaries else "count(*)"
        flags = {"programs": str(selection.programs).lower()}
        rows = stored.rows or cut(layout.no_rows, *period.both)
        self._head = filled("selected", rows=rows, filters=condition, **flags)
        # Summaries do not know of which step a web vital is, and have not all people.
        rows = stored.all_rows or rows
        self._head_of_all = filled("selected", rows=rows, filters=condition, **flags) + _ALL
        self._summed = cut(filled("summed", **flags), *period.both)

    def steps(self) -> Steps:
        """What a chart of events shows, and totals."""
        period = self._period
        first = period.previous_since
        # The longest time of which every step is a multiple.
        quantum = gcd(*(start - first for start in (*period.starts, *period.previous_starts))) or DAY
        counts = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
        views, events, left_out = [0, 0], [0, 0], 0
        found = self._rows("steps", "steps", step=f"(ms - {first}) // {quantum}")
        for step, event_type, is_counted, *numbers_ in found:
            if not is_counted:
                left_out += numbers_[0]
                continue
            for place, starts in enumerate((period.starts, period.previous_starts)):
                if number := numbers_[place]:
                    counts[place][bisect_right(starts, first + step * quantum) - 1, event_type] += number
                    events[place] += number
                    views[place] += number if event_type == "page_view" else 0
        return Steps(_flat(counts[0]), _flat(counts[1]), (views[0], views[1]), (events[0], events[1]), left_out)

    def people(self) -> tuple[int, int]:
        """Of both periods."""
        ((now, before),) = self._session.rows(self._head_of_all + filled("people"), self._params)
        return now, before

    def features(self, max_values: int) -> Rows:
        """Rows of event type, property, text, events, people, previous events."""
        shown = self._rows("features", "features", max_rows=self._max_rows, max_values=max_values, value=VALUE)
        people = self._people("features", [(row[:2], row[4]) for row in shown], both=False)
        return [
            (event_type, name, text, events, people[number, True], previous)
            for number, (event_type, _entry, name, text, events, previous) in enumerate(shown)
        ]

    def forms(self) -> Rows:
        return self._rows("forms", "forms", max_rows=self._max_rows)

    def errors(self) -> Rows:
        """Rows of error, people, events, pages, first, last, previous people; most people first."""
        found = self._rows("errors", "errors")
        people = self._people("errors", [(row[:1], row[1]) for row in found], both=True)
        rows = [
            (error, people[number, True], *cells, people[number, False])
            for number, (error, *cells) in enumerate(found)
        ]
        return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))[: self._max_rows]

    def web_vitals(self, metrics: Sequence[tuple[str, float, float]]) -> Rows:
        """`metrics`: names, and up to which value they are good, and from which on poor."""
        known = ", ".join(f"('{name}', {good!r}::double, {poor!r}::double)" for name, good, poor in metrics)
        return self._rows("web_vitals", "web_vitals", metrics=known)

    def web_vital_steps(self, metric: str) -> Rows:
        """Rows of whether a step is of the period, its number, and the 75th percentile of the metric in it."""
        query = filled("web_vital_steps", starts=self._period.as_values)
        return self._session.rows(self._head_of_all + query, {**self._params, "metric": metric})

    def rankings(self, rankings: Sequence[int], programs: int) -> Rows:
        """Rows of number, name, events, previous events, and events of the whole ranking.

        There is at least one ranking. The ranking `programs` counts programs in any case.
        """
        by_column = {self._layout.rankings[number]: number for number in rankings}
        columns, of_programs = list(by_column), self._layout.rankings[programs]
        counted = of_rows = filled(
            "rankings_of_rows",
            number=numbers(columns, by_column, -1),
            columns=", ".join(columns),
            counted=", ".join(
                each if each == of_programs else f"case when is_counted then {each} end as {each}"
                for each in columns
            ),
            sets=", ".join(f"({column})" for column in columns),
        )
        if self._stored.summaries:
            counted = filled(
                "rankings_of_summaries",
                of_rows=of_rows if self._stored.rows else _NO_LINES,
                names=self._of_summaries("names", ("number", "name", "ms", "is_person", "events")),
                numbers=", ".join(map(str, rankings)),
                programs=programs,
            )
        return self._rows("rankings", counted=counted, max_rows=self._max_rows)

    def _people(
        self, part: str, groups: Sequence[tuple[Sequence[str], int]], *, both: bool
    ) -> Counter[tuple[int, bool]]:
        """How many people groups have, by their place and whether in this period. Each has keys and events."""
        people = Counter[tuple[int, bool]]()
        for batch in _batches([events for _keys, events in groups]):
            params: dict[str, Any] = {"numbers": batch}
            for place, column in enumerate(PEOPLE[part]):
                params[f"keys_{column}"] = [groups[number][0][place] for number in batch]
            parts = {
                "keys": ", ".join(f"unnest($keys_{column}) as {column}" for column in PEOPLE[part]),
                "columns": ", ".join(PEOPLE[part]),
                "both": str(both).lower(),
            }
            people.update(self._counted_people(part, parts, params))
        return people

    def _counted_people(
        self, part: str, parts: Mapping[str, str], params: dict[str, Any]
    ) -> Mapping[tuple[int, bool], int]:
        of_rows = f"{self._head}, selected as ({PARTS[part].rows}){filled('people_of_rows', **parts)}"
        if not self._stored.summaries:
            query = f"{of_rows} select number, is_current, count(*) from people group by all"
            return {
                (number, now): people for number, now, people in self._session.rows(query, self._params | params)
            }
        lists = self._summed.replace(
            "{rows}", " union all ".join(people_of(part, self._stored.summaries, _LISTED.format(parts["columns"])))
        )
        found = self._session.columns(filled("people_of_summaries", lists=lists, **parts), params)
        known = self._stored.people.of(self._session, self._stored.summaries)
        keys, groups_ = NO_KEYS, np.empty(0, np.int64)
        if self._stored.rows:
            halves = f"{half_of('person', is_high=True)} as high, {half_of('person', is_high=False)} as low"
            rows = self._session.columns(
                f"{of_rows} select number, is_current, {halves} from people", self._params | params
            )
            keys, groups_ = Keys(rows["high"], rows["low"]), _groups(rows)
        counted = known.counted(
            zip(_groups(found).tolist(), found["file"], map(_places, found["people"]), strict=True), groups_, keys
        )
        return {(group // 2, group % 2 == 1): people for group, people in counted.items()}

    def _of_summaries(self, part: str, columns: Sequence[str]) -> str:
        selected = rows_of(part, self._stored.summaries, ", ".join(columns))
        return self._summed.replace("{rows}", " union all ".join(selected))

    def _rows(self, name: str, part: str = "", **parts: object) -> Rows:
        """The rows of a query over `selected`: the rows of a part, or what is not of a part: `raw`."""
        query, head = filled(name, events=self._events, all_names=self._all_names, **parts), self._head
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


def _batches(events: Sequence[int]) -> list[list[int]]:
    """The places of numbers of events, in batches with a bounded sum."""
    batches: list[list[int]] = []
    left = 0
    for place, number in enumerate(events):
        if not batches or number > left:
            batches.append([])
            left = _MAX_EVENTS
        batches[-1].append(place)
        left -= number
    return batches


def _groups(found: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """One number for each group and period."""
    return found["number"].astype(np.int64) * 2 + found["is_current"].astype(np.int64)


def _places(packed: bytearray) -> NDArray[np.uint32]:
    return np.frombuffer(packed, PLACE)


def _flat(counts: Mapping[tuple[int, str], int]) -> Rows:
    return [(step, event_type, events) for (step, event_type), events in counts.items()]
