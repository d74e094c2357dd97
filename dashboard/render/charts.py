"""Stacked bar charts, as rectangles that the templates draw. No I/O. `static/chart.js` draws the same."""

import math
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
    """A column of the chart: when it starts (ms since 1970), and its counts by series, or its one value."""

    start: int
    counts: Mapping[str, int]
    # Of a chart of values: None where there is none.
    own_value: float | None = None

    @property
    def sum(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, scale and legend. `previous` has the sums of the previous period, step by step."""

    steps: Sequence[Step]
    series: Sequence[str]
    bars: Sequence[Bar]
    top: float
    previous: Sequence[float | None] = ()

    @property
    def previous_line(self) -> str:
        """The path of the previous period: a level line per step, and none where there is no value."""
        path, is_drawn = "", False
        for x, value in enumerate(self.previous):
            if value is not None:
                y = round(100 - 100 * value / self.top, 1)
                path += f"{'V' if is_drawn else f'M{x} '}{y}H{x + 1}"
            is_drawn = value is not None
        return path

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


def chart_of_values(
    starts: Sequence[int], name: str, values: Sequence[float | None], previous: Sequence[float | None] = ()
) -> Chart:
    """The chart of one value per step."""
    top = round_up(max((value for value in (*values, *previous) if value is not None), default=0))
    bars = [_bar(x, value, top) for x, value in enumerate(values) if value]
    steps = [Step(start, {}, value) for start, value in zip(starts, values, strict=True)]
    return Chart(steps, [name], bars, top, previous)


def _bar(x: int, value: float, top: float) -> Bar:
    height = round(value / top * 100, 2)
    return Bar(x, round(100 - height, 2), height, 0)


def series(steps: Sequence[Step]) -> list[str]:
    """The names of the series, the most frequent first; the last one stands for all that have no colour."""
    sums: dict[str, int] = {}
    for step in steps:
        for name, count in step.counts.items():
            sums[name] = sums.get(name, 0) + count
    ranked = sorted(sums, key=lambda name: (-sums[name], name))
    return ranked if len(ranked) <= COLOURS else [*ranked[: COLOURS - 1], OTHERS]


def round_up(highest: float) -> float:
    """The top of the scale: a round number that is not below the highest value."""
    if highest <= 0:
        return 1
    exponent = math.floor(math.log10(highest))
    size: int = 10 ** abs(exponent)
    # Divided rather than multiplied by a fraction, so that 0.3 is 0.3.
    tops: list[float] = [n * size if exponent >= 0 else n / size for n in (1, 2, 3, 4, 5, 6, 8, 10)]
    return next(top for top in tops if top >= highest)


def _fold(counts: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    folded: dict[str, int] = {}
    for name, count in counts.items():
        shown = name if name in names else OTHERS
        folded[shown] = folded.get(shown, 0) + count
    return folded


def _stack(x: int, step: Step, names: Sequence[str], top: float) -> list[Bar]:
    bars, base = [], 100.0
    for colour, name in enumerate(names):
        if count := step.counts.get(name):
            height = count / top * 100
            base -= height
            bars.append(Bar(x, round(base, 2), round(height, 2), colour))
    return bars
