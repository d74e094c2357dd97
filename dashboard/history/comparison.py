"""A result compared with that of another query, whose numbers become those of the previous period. No I/O."""

from dataclasses import dataclass, replace

from dashboard.history.query import Query
from dashboard.history.report import Forwarded
from dashboard.history.result import Result, panels_of
from dashboard.render.panel import Panel, Rows


def compared(query: Query, own: Result, other: Result) -> Result:
    """The result of `query`, out of its own without a comparison, and of that of `query.other`."""
    before = {total.key: total.current for total in other.totals}
    counts = [step.counts for step in other.steps][: len(own.steps)]
    panels = panels_of(own.query)
    return replace(
        own,
        query=query,
        totals=[replace(total, previous=before.get(total.key)) for total in own.totals],
        previous_counts=[*counts, *({} for _step in own.steps[len(counts) :])],
        panels={name: _compared(panels[name], rows, other.panels[name]) for name, rows in own.panels.items()},
        visit_steps=[*own.visit_steps, *((False, *row[1:]) for row in other.visit_steps)],
        vital_steps=[*own.vital_steps, *((False, *row[1:]) for row in other.vital_steps)],
    )


def _compared(panel: Panel, rows: Rows, others: Rows) -> Rows:
    """The rows with one more cell: the number that the others have for the same name, None if they have none."""
    place = panel.counted
    if place is None:
        return rows
    return {name: [*cells, others[name][place] if name in others else None] for name, cells in rows.items()}


@dataclass(frozen=True, slots=True)
class Compared(Forwarded):
    """Reports parts of a result as they compare with the whole one of the other query."""

    query: Query
    other: Result

    def found(self, result: Result) -> None:
        self.to.found(compared(self.query, result, self.other))


@dataclass(frozen=True, slots=True)
class OnlyProgress(Forwarded):
    """Reports what is read, and no parts."""

    def reading(self, text: str) -> None:
        self.to.reading(f"{text}, to compare with")

    def found(self, result: Result) -> None:
        """Its parts are not shown."""
