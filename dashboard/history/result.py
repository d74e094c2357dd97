"""The result of a query: totals, chart and panels, made of the rows of the SQL queries. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from dashboard.filters import PropertyValue
from dashboard.history.measures import EVENTS, MEASURES, Measure, of_visit_steps
from dashboard.history.query import Query
from dashboard.history.visits_progress import VisitsProgress
from dashboard.render import web_vitals
from dashboard.render.charts import Chart, Step, chart, chart_of_values
from dashboard.render.panel import Cell, Column, Panel, Rows, of_visits, percent
from dashboard.render.panels import HISTORY

# Rows of a SQL query.
Found = Sequence[Sequence[Any]]

# The expressions of all panels, each once: panels that differ only in what they show share a ranking.
RANKINGS = tuple(dict.fromkeys(panel.expression for panel in HISTORY.values() if panel.expression))

# What each total means, by its key: docs/definitions.md in a sentence.
MEANINGS = MappingProxyType(
    {
        "people": "Users; of visitors who are not signed in, one per browser. Whoever signs in is that user.",
        "visits": "Events of a person without a gap of 30 minutes. Another source begins a new visit.",
        "views": "Views of pages.",
        "views_per_visit": "Views, divided by visits.",
        "bounce_rate": "Of the visits with a view: those of one view and no interaction, shorter than 10 seconds.",
        "median_duration": "From the first event of a visit to its last: half of the visits are longer.",
        "conversion": "Of the visits: those with the event type or page of the goal.",
        "events": "All events, by the time inside their id, which is when they were created.",
    }
)


@dataclass(frozen=True, slots=True)
class Total:
    """A number of the period, and the same of the previous period; None where nothing is compared."""

    name: str
    current: float
    previous: float | None
    # How it is written: `count`, `decimal`, `percent` or `seconds`.
    kind: str = "count"

    @property
    def key(self) -> str:
        """Its name in JSON."""
        return self.name.lower().replace(" ", "_")


@dataclass(frozen=True, slots=True)
class ReadFrom:
    """What a result was made from: days of column files, and rows of Postgres that are newer or changed."""

    days: int
    rows: int
    # The moment of the snapshot, whose rows are counted.
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that the page shows for a query."""

    query: Query
    totals: Sequence[Total]
    steps: Sequence[Step]
    # Events by type of each step of the previous period.
    previous_counts: Sequence[Mapping[str, int]]
    panels: Mapping[str, Rows]
    # Events of programs that are not counted.
    left_out: int = 0
    # None: everything was counted from rows of Postgres.
    read: ReadFrom | None = None
    # Rows of period, step and the numbers of visits that began in it.
    visit_steps: Found = ()
    # Rows of period, step and the 75th percentile of the query's metric.
    vital_steps: Found = ()
    # None if the result has no visits.
    visits_progress: VisitsProgress | None = None

    @property
    def notices(self) -> Sequence[str]:
        """Sentences about the numbers that whoever reads them has to know."""
        behind = self.visits_progress.notices(self.query) if self.visits_progress else ()
        return [*self.query.notices, *behind]

    @property
    def previous_sums(self) -> Sequence[int]:
        """Events of each step of the previous period."""
        return [sum(counts.values()) for counts in self.previous_counts]

    @property
    def has_events(self) -> bool:
        return any(total.current for total in self.totals) or self.left_out > 0

    def with_panels(self, panels: Mapping[str, Rows]) -> "Result":
        """The result with more panels."""
        return replace(self, panels=dict(self.panels) | dict(panels))

    @property
    def measure(self) -> Measure:
        """What the chart shows."""
        return MEASURES[self.query.measure]

    @property
    def chart(self) -> Chart:
        """The chart of the query's measure: of events by type, of all else one value per step."""
        if self.query.measure == EVENTS:
            return chart(self.steps, self.previous_sums)
        starts = [step.start for step in self.steps]
        previous = self.values(is_current=False) if self.query.compare else ()
        return chart_of_values(starts, self.measure.title, self.values(is_current=True), previous)

    def values(self, *, is_current: bool) -> Sequence[float | None]:
        """The measure of each step of the period, or of the previous one."""
        measure, steps = self.measure, len(self.query.starts)
        if self.query.measure == EVENTS:
            return [step.sum for step in self.steps] if is_current else self.previous_sums
        if measure.of_visits and self.query.is_of_visits:
            return of_visit_steps(measure, self.visit_steps, steps, is_current=is_current)
        if measure.of_events:
            counts = [step.counts for step in self.steps] if is_current else self.previous_counts
            return [measure.of_events(each) for each in counts]
        values: list[float | None] = [None] * steps
        for of_current, step, value in self.vital_steps:
            if of_current is is_current and step < steps:
                values[step] = value
        return values


def panels_of(query: Query) -> dict[str, Panel]:
    """The panels that the query fills: with a column for the change, where periods are compared."""
    shown = [HISTORY[query.panel]] if query.panel else HISTORY.values()
    panels = {
        panel.name: of_visits(panel) if query.is_of_visits and panel.visit_expression else panel
        for panel in shown
        if query.is_of_visits or panel.expression or not panel.visit_expression
    }
    if not query.compare:
        return panels
    change = Column(query.before[0], "change", own_key="previous")
    return {name: replace(panel, columns=(*panel.columns, change)) for name, panel in panels.items()}


def totals(query: Query, row: Sequence[int | None]) -> list[Total]:
    """From the one row of `totals`, as far as its numbers are known."""
    names = (("People", 0), ("Views", 2), ("Events", 4))
    known = [(name, row[at], row[at + 1]) for name, at in names]
    return [Total(name, now, before if query.compare else None) for name, now, before in known if now is not None]


def steps(query: Query, found: Found) -> list[Step]:
    """From rows of step, type, events."""
    counts: list[dict[str, int]] = [{} for _start in query.starts]
    for step, event_type, events in found:
        counts[step][event_type] = events
    starts = [round(start.timestamp() * 1000) for start in query.starts]
    return [Step(start, counted) for start, counted in zip(starts, counts, strict=True)]


def previous_counts(query: Query, found: Found) -> list[dict[str, int]]:
    """From the same rows of the previous period, which may have a step more or less."""
    counts: list[dict[str, int]] = [{} for _start in query.starts]
    for step, event_type, events in found:
        if step < len(counts):
            counts[step][event_type] = events
    return counts


def is_ranked_by_events(query: Query, panel: Panel) -> bool:
    """Whether the rows of a panel are names that events have, and not visits."""
    return bool(panel.expression) and not (query.is_of_visits and panel.visit_expression)


def rankings(query: Query, found: Found) -> dict[str, Rows]:
    """From rows of the ranking's number, name, events, previous events, events of the whole ranking."""
    panels = [panel for panel in panels_of(query).values() if is_ranked_by_events(query, panel)]
    rows: dict[str, Rows] = {panel.name: {} for panel in panels}
    for number, name, events, previous, ranking_events in found:
        for panel in panels:
            if panel.expression == RANKINGS[number] and panel.shows(name):
                share: list[Cell] = [percent(events, ranking_events)] if panel.has_share else []
                rows[panel.name][name] = [events, *share, *_previous(query, previous)]
    return rows


def features(query: Query, found: Found) -> Rows:
    """From rows of event type, property, value, events, people, previous events."""
    return {
        PropertyValue(event_type, name, value).text: [
            value, event_type, name, events, people, *_previous(query, previous),
        ]
        for event_type, name, value, events, people, previous in found
    }  # fmt: skip


def forms(query: Query, found: Found) -> Rows:
    """From rows of form, submissions, successful ones, previous submissions."""
    return {
        form: [submitted, succeeded, percent(succeeded, submitted), *_previous(query, previous)]
        for form, submitted, succeeded, previous in found
    }


def errors(query: Query, found: Found) -> Rows:
    """From rows of error, people, events, pages, first, last, previous people."""
    return {error: [*cells, *_previous(query, previous)] for error, *cells, previous in found}


def web_vital_rows(query: Query, found: Found) -> Rows:
    """From rows of metric, p75, samples, good ones, poor ones, previous p75."""
    by_name = {row[0]: row[1:] for row in found}
    rows: Rows = {}
    for metric in web_vitals.METRICS:
        if metric.name in by_name:
            p75, samples, good, poor, previous = by_name[metric.name]
            shares = (percent(good, samples), percent(samples - good - poor, samples), percent(poor, samples))
            cells = web_vitals.Summary(metric, p75, samples, *shares).cells()
            rows[metric.name] = [*cells, *_previous(query, previous)]
    return rows


def _previous(query: Query, previous: Cell) -> list[Cell]:
    """The number of the previous period, as a cell, where periods are compared."""
    return [previous] if query.compare else []
