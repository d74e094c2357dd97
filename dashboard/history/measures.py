"""What the chart of the history shows: a measure, its value for each step, and how it is written. No I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dashboard.filters import Condition
from dashboard.render import times
from dashboard.render.panel import percent
from dashboard.render.web_vitals import BY_NAME, METRICS

EVENTS, CONVERSION = "events", "conversion"
# A row of sql/visit_steps.sql, without the period and the step.
VisitStep = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure. Its `kind` says how a value is written: `count`, `percent`, `seconds` or `decimal`."""

    title: str
    kind: str
    # What a value says, in a sentence.
    about: str
    # From the numbers of the visits that began in a step.
    of_visits: Callable[[VisitStep], float | None] | None = None
    # From the events of a step by type.
    of_events: Callable[[Mapping[str, int]], float | None] | None = None
    # The metric whose 75th percentile it is.
    metric: str = ""

    def axis(self, value: float) -> str:
        """A value with its unit."""
        if self.metric:
            return BY_NAME[self.metric].text(value)
        if self.kind == "seconds":
            return times.total(value, self.kind)
        return f"{value:,g} %" if self.kind == "percent" else f"{value:,g} {self.title.lower()}"

    def text(self, value: float | None) -> str:
        """A value in a table."""
        if value is None:
            return "–"
        return BY_NAME[self.metric].text(value) if self.metric else times.total(value, self.kind)


def _share(part: int, whole: int) -> float | None:
    return percent(part, whole) if whole else None


def _errors(counts: Mapping[str, int]) -> float | None:
    views = counts.get("page_view", 0)
    return round(1000 * counts.get("error_encountered", 0) / views, 2) if views else None


_VISIT = "Of visits by when they began"

# By the value of the parameter.
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        EVENTS: Measure("Events", "count", "All events, by type."),
        "people": Measure(
            "People",
            "count",
            "People by when their visits began; who comes back in another step counts there too.",
            of_visits=lambda row: row[0],
        ),
        "visits": Measure("Visits", "count", "Visits by when they began.", of_visits=lambda row: row[1]),
        "views": Measure(
            "Views",
            "count",
            f"{_VISIT}: their views. With filters that visits do not know, by when they happened.",
            of_visits=lambda row: row[2],
            of_events=lambda counts: counts.get("page_view", 0),
        ),
        "bounce_rate": Measure(
            "Bounce rate",
            "percent",
            f"{_VISIT}: the share of bounces.",
            of_visits=lambda row: _share(row[4], row[3]),
        ),
        "median_duration": Measure(
            "Median duration",
            "seconds",
            f"{_VISIT}: half of them are longer.",
            of_visits=lambda row: round(row[5], 1),
        ),
        CONVERSION: Measure(
            "Conversion",
            "percent",
            f"{_VISIT}: the share of those that reach the goal.",
            of_visits=lambda row: _share(row[6], row[1]),
        ),
        "errors": Measure(
            "Errors per 1,000 views",
            "decimal",
            "Events error_encountered, per 1,000 page views of the same step.",
            of_events=_errors,
        ),
        **{
            f"p75_{metric.name.lower()}": Measure(
                f"{metric.name} (p75)",
                "decimal",
                f"{metric.title}: 75 % of them do not exceed it. Up to {metric.text(metric.good)} is good.",
                metric=metric.name,
            )
            for metric in METRICS
        },
    }
)


def offered(*, is_of_visits: bool, goal: Condition | None) -> dict[str, Measure]:
    """The measures that a query has: without visits those of events, and conversion only with a goal."""
    return {
        name: measure
        for name, measure in MEASURES.items()
        if (is_of_visits or measure.of_events or measure.metric or name == EVENTS) and (goal or name != CONVERSION)
    }


def of_visit_steps(
    measure: Measure, rows: Sequence[Sequence[Any]], steps: int, *, is_current: bool
) -> list[float | None]:
    """The values of the steps, from rows of period, step and numbers of visits. Without visits counts are zero."""
    assert measure.of_visits
    empty = 0 if measure.kind == "count" else None
    values: list[float | None] = [empty] * steps
    for of_current, step, *numbers in rows:
        if of_current is is_current and step is not None and step < steps:
            values[step] = measure.of_visits(numbers)
    return values
