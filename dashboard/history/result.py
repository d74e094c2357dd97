"""What the history answers, from rows of the queries. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from avro_schemas.live_aggregates import page_error
from avro_schemas.schema import typed_events
from dashboard.history.query import Question
from dashboard.live.panel_rows import measure, percent, speed_row
from dashboard.render.charts import Chart, Step, chart
from dashboard.render.panels import LISTED, Cell, Column, Panel, Rows
from dashboard.render.web_vitals import METRICS, Metric, Speed

Found = Sequence[Sequence[Any]]

_SPEED = {metric.name: metric for metric in METRICS}
_CHANGE = Column("Change", "change")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and the same of the period before."""

    name: str
    now: int
    before: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that the page of a question shows."""

    question: Question
    figures: Sequence[Figure]
    steps: Sequence[Step]
    before: Sequence[int]
    panels: dict[str, Rows]

    @property
    def has_events(self) -> bool:
        """Whether there is anything to show."""
        return self.figures[0].now > 0

    @property
    def chart(self) -> Chart:
        """The steps as bars."""
        return chart(self.steps, self.before)


def panels_of(asked: Question) -> dict[str, Panel]:
    """The panels of the page: with a column for the change, where periods are compared."""
    if not asked.compares:
        return dict(LISTED)
    return {name: replace(panel, columns=(*panel.columns, _CHANGE)) for name, panel in LISTED.items()}


def figures(row: Sequence[int]) -> list[Figure]:
    """From the one row of `summary`."""
    return [Figure(name, row[at], row[at + 1]) for name, at in (("Events", 0), ("Users", 2), ("Sessions", 4))]


def steps_of(asked: Question, found: Found) -> list[Step]:
    """From rows of step, type, events."""
    counts: list[dict[str, int]] = [{} for _start in asked.starts]
    for step, event_type, events in found:
        counts[step][event_type] = events
    starts = [round(start.timestamp() * 1000) for start in asked.starts]
    return [Step(start, counted) for start, counted in zip(starts, counts, strict=True)]


def sums_before(asked: Question, found: Found) -> list[int]:
    """From the same rows of the period before: a sum a step, of as many steps as are compared with."""
    sums = [0] * len(asked.starts)
    for step, _event_type, events in found:
        if step < len(sums):
            sums[step] += events
    return sums


def ranked(asked: Question, found: Found, all_events: int) -> dict[str, Rows]:
    """From rows of panel, name, events, events before: one list of rows a panel."""
    panels: dict[str, Rows] = {}
    for panel, name, events, before in found:
        change = _change(asked, events, before)
        share: list[Cell] = [percent(events, all_events)] if panel == "types" else []
        panels.setdefault(panel, {})[name] = [events, *share, *change]
        if panel == "types" and name not in typed_events():
            panels.setdefault("customs", {})[name] = [events, *change]
    return panels


def forms(asked: Question, found: Found) -> Rows:
    """From rows of form, submissions, taken ones, submissions before."""
    return {
        form: [sent, taken, percent(taken, sent), *_change(asked, sent, before)]
        for form, sent, taken, before in found
    }


def errors(asked: Question, found: Found) -> Rows:
    """From rows of error, page, events, first, last, events before."""
    return {
        page_error(page, error): [error, page, events, first, last, *_change(asked, events, before)]
        for error, page, events, first, last, before in found
    }


def speed(asked: Question, found: Found) -> Rows:
    """From rows of metric, p75, samples, good ones, poor ones, p75 before."""
    rows: Rows = {}
    for name, p75, samples, good, poor, before in sorted(found, key=lambda row: list(_SPEED).index(row[0])):
        metric = _SPEED[name]
        shares = (percent(good, samples), percent(samples - good - poor, samples), percent(poor, samples))
        row: list[Cell] = [*speed_row(Speed(metric, p75, samples, *shares))]
        rows[name] = [*row, *([_speed_before(metric, before)] if asked.compares else [])]
    return rows


def _speed_before(metric: Metric, before: float | None) -> Cell:
    return None if before is None else f"before: {measure(metric, before)}"


def _change(asked: Question, now: int, before: int) -> list[Cell]:
    """The change in per cent, as a cell, where periods are compared; None where there was nothing before."""
    if not asked.compares:
        return []
    return [round(100 * (now - before) / before) if before else None]
