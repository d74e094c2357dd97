"""Expressions of PromQL that panels have in common."""


def rate(metric: str, by: str = "") -> str:
    """Rate per second of a counter."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}[$__rate_interval]))"


def quantiles(histogram: str) -> dict[str, str]:
    """Median and tail quantiles of a histogram."""
    return {
        f"p{number}": f"histogram_quantile(0.{number}, sum by (le) (rate({histogram}_bucket[$__rate_interval])))"
        for number in (50, 95, 99)
    }


def mean(histogram: str) -> str:
    return f"{rate(f'{histogram}_sum')} / {rate(f'{histogram}_count')}"
