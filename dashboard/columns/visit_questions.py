"""Questions to column files of visits, with the rows that the SQL of the same name over Postgres gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dashboard.columns.engine import Session
from dashboard.columns.layout import ENTRY, LISTS, VisitLayout
from dashboard.columns.plan import Source
from dashboard.columns.questions import Period, Rows, filled
from dashboard.columns.select import cut, rows_in
from dashboard.columns.summaries import numbers
from dashboard.filters import Group

_NONE: Mapping[str, Any] = MappingProxyType({})
# Files have lists as text with this between the entries: what contains it is looked for in Postgres.
UNUSABLE = "\x1e"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitSelection:
    """Which visits count: groups of conditions, each with the expression that it compares; and the goal."""

    conditions: Sequence[tuple[str, Group]]
    # A column that is a list, and its value; None without a goal.
    goal: tuple[str, str] | None
    search: str

    @property
    def is_usable(self) -> bool:
        """Whether files can tell which visits these are."""
        texts = [value for _expression, group in self.conditions for value in group.values]
        return not any(UNUSABLE in text for text in (*texts, self.goal[1] if self.goal else ""))


class VisitQuestions:
    """Asks about one period and one set of filters."""

    def __init__(
        self,
        session: Session,
        layout: VisitLayout,
        sources: Sequence[Source],
        period: Period,
        selection: VisitSelection,
    ) -> None:
        self._session, self._layout, self._starts = session, layout, period.as_values
        conditions, params = _conditions(layout, selection.conditions)
        goal = "false"
        if selection.goal:
            params["goal"] = selection.goal[1]
            goal = f"coalesce(list_contains(str_split({selection.goal[0]}, {ENTRY}), $goal), false)"
        self._params = {**params, "search": selection.search.lower()}
        self._head = filled(
            "visits_selected",
            rows=rows_in(sources, *period.both) or cut(layout.no_rows, *period.both),
            filters=conditions,
            goal=goal,
        )

    def steps(self) -> Rows:
        """Of both periods, with None for the step, and of their steps."""
        people = {tuple(of): number for *of, number in self._asked("visit_step_people", starts=self._starts)}
        return [
            (is_current, step, people.get((is_current, step), 0), *cells)
            for is_current, step, *cells in self._asked("visit_steps", starts=self._starts)
        ]

    def rankings(self, expressions: Mapping[str, str], max_rows: int) -> Rows:
        """Of panels, by the expression that each ranks: rows of panel, name, visits, people, visits before."""
        by_column = {self._layout.column_of[each]: panel for panel, each in expressions.items()}
        columns, panels = list(by_column), list(by_column.values())
        found = self._asked(
            "visit_rankings",
            number=numbers(columns, {column: place for place, column in enumerate(columns)}, -1),
            columns=", ".join(columns),
            sets=", ".join(f"({column})" for column in columns),
            max_rows=max_rows,
            all_names=str(not self._params["search"]).lower(),
        )
        people = {
            (place, name): number
            for place, column in enumerate(columns)
            if (names := [name for number, name, *_cells in found if number == place])
            for name, number in self._asked("visit_people", {"names": names}, column=column)
        }
        return [
            (panels[place], name, visits, people.get((place, name), 0), previous)
            for place, name, visits, previous in found
        ]

    def _asked(self, name: str, params: Mapping[str, Any] = _NONE, **parts: object) -> Rows:
        return self._session.rows(self._head + filled(name, **parts), {**self._params, **params})


def _conditions(layout: VisitLayout, conditions: Sequence[tuple[str, Group]]) -> tuple[str, dict[str, str]]:
    """The conditions as SQL over files, and its parameters: the same as over the view `visits`."""
    parts, params = list[str](), dict[str, str]()
    for number, (expression, group) in enumerate(conditions):
        values = {f"value_{number}_{place}": value for place, value in enumerate(group.values)}
        params |= values
        alternatives = ", ".join(f"${name}" for name in values)
        if expression in LISTS:
            compared = f"list_has_any(str_split({expression}, {ENTRY}), [{alternatives}])"
        else:
            compared = f"({layout.column_of[expression]} in ({alternatives}))"
        parts.append(f"{compared} is not true" if group.is_excluded else compared)
    return " and ".join(parts) or "true", params
