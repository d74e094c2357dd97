"""Page speed from counted bins: quantiles, and how many measures were good. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from avro_schemas.live_aggregates import MAX_WEB_VITAL_BINS, split_web_vital_bin, web_vital_metric

QUANTILE = 0.75


@dataclass(frozen=True, slots=True)
class Metric:
    """A web vital; up to `good` it is good, above `poor` it is poor. Milliseconds, except CLS."""

    name: str
    about: str
    good: float
    poor: float

    def rating(self, value: float) -> str:
        """The word for a value."""
        return "good" if value <= self.good else "fair" if value <= self.poor else "poor"


# https://web.dev/articles/vitals
METRICS = (
    Metric("LCP", "Largest content shown", 2500, 4000),
    Metric("INP", "Answer to input", 200, 500),
    Metric("CLS", "Layout shift", 0.1, 0.25),
    Metric("FCP", "First content shown", 1800, 3000),
    Metric("TTFB", "First byte", 800, 1800),
)
_BY_NAME = {metric.name: metric for metric in METRICS}
_split = lru_cache(maxsize=MAX_WEB_VITAL_BINS)(split_web_vital_bin)


@dataclass(frozen=True, slots=True)
class Speed:
    """What the measures of one metric say; shares in per cent."""

    metric: Metric
    p75: float
    samples: int
    good: float
    fair: float
    poor: float


def known(counts: Mapping[str, int]) -> dict[str, int]:
    """The bins of the metrics that are shown, such as `LCP 1224`."""
    return {name: count for name, count in counts.items() if web_vital_metric(name) in _BY_NAME}


def speeds(counts: Mapping[str, int]) -> list[Speed]:
    """Every metric that was measured, in the order of `METRICS`."""
    bins: dict[str, list[tuple[float, int]]] = {}
    for name, count in counts.items():
        metric, value = _split(name)
        bins.setdefault(metric, []).append((value, count))
    return [_speed(metric, sorted(bins[metric.name])) for metric in METRICS if metric.name in bins]


def _speed(metric: Metric, bins: Sequence[tuple[float, int]]) -> Speed:
    samples = sum(count for _value, count in bins)
    rated = dict.fromkeys(("good", "fair", "poor"), 0)
    for value, count in bins:
        rated[metric.rating(value)] += count
    shares = {word: round(100 * count / samples, 1) for word, count in rated.items()}
    return Speed(metric, quantile(bins, QUANTILE), samples, **shares)


def quantile(bins: Sequence[tuple[float, int]], share: float) -> float:
    """The value that this share of the measures does not exceed; `bins` in the order of their values."""
    wanted, seen = share * sum(count for _value, count in bins), 0
    for value, count in bins:
        seen += count
        if seen >= wanted:
            return value
    return bins[-1][0]
