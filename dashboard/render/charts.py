"""Stacked bar charts, as rectangles that the templates draw. No I/O. `static/chart.js` draws the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The page's palette has this many colours; series beyond share the last one.
COLOURS = 6
OTHERS = "others"
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
    """A column of the chart: when it starts (ms since 1970), and its counts by series."""

    start: int
    counts: Mapping[str, int]

    @property
    def sum(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, scale and legend. `previous` has the sums of the previous period, step by step."""

    steps: Sequence[Step]
    series: Sequence[str]
    bars: Sequence[Bar]
    top: int
    previous: Sequence[int] = ()

    @property
    def labelled(self) -> Sequence[Step]:
        """The steps whose start is written below the chart."""
        return self.steps[:: -(-len(self.steps) // _LABELS)]


def chart(steps: Sequence[Step], previous: Sequence[int] = ()) -> Chart:
    """The chart of the steps. The most frequent series have a colour each."""
    names = series(steps)
    folded = [Step(step.start, _fold(step.counts, names)) for step in steps]
    top = round_up(max((*(step.sum for step in folded), *previous), default=0))
    bars = [bar for x, step in enumerate(folded) for bar in _stack(x, step, names, top)]
    return Chart(folded, names, bars, top, previous)


def series(steps: Sequence[Step]) -> list[str]:
    """The names of the series, the most frequent first; the last one stands for all that have no colour."""
    sums: dict[str, int] = {}
    for step in steps:
        for name, count in step.counts.items():
            sums[name] = sums.get(name, 0) + count
    ranked = sorted(sums, key=lambda name: (-sums[name], name))
    return ranked if len(ranked) <= COLOURS else [*ranked[: COLOURS - 1], OTHERS]


def round_up(highest: int) -> int:
    """The top of the scale: a round number that is not below the highest value."""
    size = 1
    while size * 10 < highest:
        size *= 10
    return next((size * step for step in (1, 2, 3, 4, 5, 6, 8, 10) if size * step >= highest), 1)


def _fold(counts: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    folded: dict[str, int] = {}
    for name, count in counts.items():
        shown = name if name in names else OTHERS
        folded[shown] = folded.get(shown, 0) + count
    return folded


def _stack(x: int, step: Step, names: Sequence[str], top: int) -> list[Bar]:
    bars, base = [], 100.0
    for colour, name in enumerate(names):
        if count := step.counts.get(name):
            height = count / top * 100
            base -= height
            bars.append(Bar(x, round(base, 2), round(height, 2), colour))
    return bars
