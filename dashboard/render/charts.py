"""Stacked bars, as rectangles that the templates draw. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avro_schemas.live_aggregates import MINUTE_MS
from dashboard.live.state import SHOWN_MINUTES, first_shown

# The page's palette has this many colours; what is less frequent shares the last one.
COLOURS = 6
OTHER = "others"
_LABELS = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle in a chart that is as wide as it has steps, and 100 high."""

    x: int
    y: float
    height: float
    colour: int


@dataclass(frozen=True, slots=True)
class Step:
    """A column of the chart: when it begins, and its counts by series."""

    start: int
    counts: Mapping[str, int]

    @property
    def sum(self) -> int:
        """All series together."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars and what stands beside them. `before` are the sums of the period before, step by step."""

    steps: Sequence[Step]
    series: Sequence[str]
    bars: Sequence[Bar]
    top: int
    before: Sequence[int] = ()

    @property
    def labelled(self) -> Sequence[Step]:
        """The steps whose time stands below the chart."""
        return self.steps[:: -(-len(self.steps) // _LABELS)]


def chart(steps: Sequence[Step], before: Sequence[int] = ()) -> Chart:
    """The chart of some steps; the most frequent series have a colour of their own."""
    named = series(steps)
    folded = [Step(step.start, _fold(step.counts, named)) for step in steps]
    top = nice_top(max((*(step.sum for step in folded), *before), default=0))
    bars = [bar for x, step in enumerate(folded) for bar in _stack(x, step, named, top)]
    return Chart(folded, named, bars, top, before)


def minute_chart(shown: Mapping[str, Any], only: str = "") -> Chart:
    """The chart of the live page; `only` shows one type."""
    first = first_shown(shown["as_of"])
    minutes = shown["minutes"]
    starts = range(first, first + SHOWN_MINUTES * MINUTE_MS, MINUTE_MS)
    return chart([Step(start, _only(minutes.get(str(start), {}), only)) for start in starts])


def series(steps: Sequence[Step]) -> list[str]:
    """The names that get a colour, the most frequent first, and one for all others."""
    summed: dict[str, int] = {}
    for step in steps:
        for name, count in step.counts.items():
            summed[name] = summed.get(name, 0) + count
    ranked = sorted(summed, key=lambda name: (-summed[name], name))
    return ranked if len(ranked) <= COLOURS else [*ranked[: COLOURS - 1], OTHER]


def nice_top(highest: int) -> int:
    """Where the scale ends: a round number not below the highest."""
    size = 1
    while size * 10 < highest:
        size *= 10
    return next((size * step for step in (1, 2, 3, 4, 5, 6, 8, 10) if size * step >= highest), 1)


def _only(counts: Mapping[str, int], name: str) -> Mapping[str, int]:
    if not name:
        return counts
    return {name: counts[name]} if name in counts else {}


def _fold(counts: Mapping[str, int], named: Sequence[str]) -> dict[str, int]:
    folded: dict[str, int] = {}
    for name, count in counts.items():
        folded[name if name in named else OTHER] = folded.get(name if name in named else OTHER, 0) + count
    return folded


def _stack(x: int, step: Step, named: Sequence[str], top: int) -> list[Bar]:
    bars, base = [], 100.0
    for colour, name in enumerate(named):
        if count := step.counts.get(name):
            height = count / top * 100
            base -= height
            bars.append(Bar(x, round(base, 2), round(height, 2), colour))
    return bars
