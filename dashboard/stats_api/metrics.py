"""The metrics of the Stats API: names, units, and which of them totals and series have. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dashboard.history.measures import EVENTS, MEASURES, offered
from dashboard.history.query import Query
from dashboard.history.result import MEANINGS
from dashboard.render.web_vitals import METRICS as VITALS

VIEWS_PER_VISIT = "views_per_visit"
DEFAULT = ("people", "visits", "views")
DEFAULT_BY_EVENTS = ("people", "views", EVENTS)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, with its unit and what it means."""

    unit: str
    about: str


_UNITS = MappingProxyType(
    {
        "people": "people",
        "visits": "visits",
        "views": "views",
        VIEWS_PER_VISIT: "views per visit",
        "bounce_rate": "percent",
        "median_duration": "seconds",
        "conversion": "percent",
        EVENTS: "events",
        "errors": "errors per 1,000 views",
    }
)
_VITAL_UNITS = {f"p75_{each.name.lower()}": "milliseconds" if each.name != "CLS" else "" for each in VITALS}

TOTALS: Mapping[str, Metric] = MappingProxyType(
    {name: Metric(_UNITS[name], about) for name, about in MEANINGS.items()}
)
SERIES: Mapping[str, Metric] = MappingProxyType(
    dict(TOTALS)
    | {
        name: Metric(_UNITS.get(name) or _VITAL_UNITS[name], MEASURES[name].about)
        for name in MEASURES
        if name not in TOTALS
    }
)


def of_totals(query: Query) -> list[str]:
    """The metrics that the totals of a query have."""
    without_visits = ("people", "views", EVENTS)
    names = [name for name in TOTALS if query.is_of_visits or name in without_visits]
    return [name for name in names if query.goal or name != "conversion"]


def of_series(query: Query) -> list[str]:
    """The metrics that the series of a query has."""
    measures = offered(is_of_visits=query.is_of_visits, goal=query.goal)
    return [name for name in SERIES if name in measures or (name == VIEWS_PER_VISIT and query.is_of_visits)]
