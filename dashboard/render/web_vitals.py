"""Web vitals: metrics and their thresholds, quantiles out of counted bins, and the cells of a row. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from avro_schemas.live_aggregates import MAX_WEB_VITAL_BINS, split_web_vital_bin
from dashboard.render.panel import Cell

QUANTILE = 0.75


@dataclass(frozen=True, slots=True)
class Metric:
    """A web vital. Values up to `good` are good, values above `poor` are poor. Milliseconds, except for CLS."""

    name: str
    title: str
    good: float
    poor: float

    def rating(self, value: float) -> str:
        return "good" if value <= self.good else "fair" if value <= self.poor else "poor"

    def text(self, value: float) -> str:
        """The value with its unit."""
        if self.name == "CLS":
            return f"{value:.2f}"
        return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms"


# https://web.dev/articles/vitals
METRICS = (
    Metric("LCP", "Largest content shown", 2500, 4000),
    Metric("INP", "Response to input", 200, 500),
    Metric("CLS", "Layout shift", 0.1, 0.25),
    Metric("FCP", "First content shown", 1800, 3000),
    Metric("TTFB", "First byte", 800, 1800),
)
BY_NAME = {metric.name: metric for metric in METRICS}
_split = lru_cache(maxsize=MAX_WEB_VITAL_BINS)(split_web_vital_bin)


def text(metric: str, value: float) -> str:
    """A value of the metric with its unit."""
    return BY_NAME[metric].text(value)


@dataclass(frozen=True, slots=True)
class Summary:
    """The measurements of one metric; `good`, `fair` and `poor` are shares in per cent."""

    metric: Metric
    p75: float
    samples: int
    good: float
    fair: float
    poor: float

    def cells(self) -> list[Cell]:
        """The row of the panel `web_vitals`."""
        return [
            f"{self.metric.name} · {self.metric.title}",
            self.p75,
            self.metric.rating(self.p75),
            [self.good, self.fair, self.poor],
            self.samples,
        ]


def known_bins(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts of the bins, such as `LCP 1224`, whose metric is one of `METRICS`."""
    return {name: count for name, count in counts.items() if (found := _split(name)) and found[0] in BY_NAME}


def summarize(counts: Mapping[str, int]) -> list[Summary]:
    """A summary of each metric that has bins, in the order of `METRICS`."""
    bins: dict[str, list[tuple[float, int]]] = {}
    for name, count in counts.items():
        if found := _split(name):
            metric, value = found
            bins.setdefault(metric, []).append((value, count))
    return [_summary(metric, sorted(bins[metric.name])) for metric in METRICS if metric.name in bins]


def _summary(metric: Metric, bins: Sequence[tuple[float, int]]) -> Summary:
    samples = sum(count for _value, count in bins)
    rated = dict.fromkeys(("good", "fair", "poor"), 0)
    for value, count in bins:
        rated[metric.rating(value)] += count
    shares = {rating: round(100 * count / samples, 1) for rating, count in rated.items()}
    return Summary(metric, quantile(bins, QUANTILE), samples, **shares)


def quantile(bins: Sequence[tuple[float, int]], share: float) -> float:
    """The value that this share of the measurements does not exceed; `bins` is sorted by value."""
    wanted, seen = share * sum(count for _value, count in bins), 0
    for value, count in bins:
        seen += count
        if seen >= wanted:
            return value
    return bins[-1][0]
