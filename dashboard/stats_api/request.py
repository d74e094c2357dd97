"""A request of the Stats API, parsed strictly: every fault is named, and nothing is corrected. No I/O."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from dashboard.filters import FILTERS, MAX_CONDITIONS, PROPERTY, can_be_stored, condition_of, property_value
from dashboard.history.query import Query, UnusableFilter, parse_query, ranges_within
from dashboard.render.times import UTC_ZONE, zone_named
from dashboard.stats_api import metrics
from dashboard.stats_api.dimensions import DIMENSIONS, OF_VISITS_ALONE, panel_of, property_of
from dashboard.stats_api.faults import Fault, UnusableRequest, one_of

Kind = Literal["totals", "series", "breakdown"]
FORMATS = ("json", "csv", "parquet")
# As the history page writes them.
COMPARISONS: Mapping[str, str] = MappingProxyType({"previous": "1", "year": "year"})
MAX_LIMIT, DEFAULT_LIMIT = 1_000, 100
# How many names a breakdown ranks, and how many values of a property.
MAX_RANKED = 10_000
MAX_HOURLY_DAYS = 14
# A panel with which the history counts little else.
_CHEAP_PANEL = "entry_pages"

_OF_ALL = ("range", "from", "to", "tz", "compare", "programs", "format", *FILTERS)
PARAMETERS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "totals": (*_OF_ALL, "metrics", "goal"),
        "series": (*_OF_ALL, "metrics", "goal", "step"),
        "breakdown": (*_OF_ALL, "by", "search", "limit", "offset"),
    }
)
_REPEATABLE = frozenset({*FILTERS, "metrics"})
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    query: Query
    # The comparison as the request names it; empty for none.
    compare: str = ""
    metrics: tuple[str, ...] = ()
    by: str = ""
    # None: a hundred in JSON, all in a file.
    limit: int | None = None
    offset: int = 0
    # What names contain, of a property; the history looks for its own names, which are longer.
    search: str = ""
    # One of `FORMATS`; empty if the request leaves it to the header `Accept`.
    format: str = ""


def parse(kind: Kind, pairs: Pairs, now: datetime, retention_days: int) -> Asked:
    """The request of these parameters. Raise `UnusableRequest` with all faults."""
    unstorable = [
        Fault(name, "value_invalid", "text without NUL and halves of surrogate pairs")
        for name, value in pairs
        if not (can_be_stored(name) and can_be_stored(value))
    ]
    if unstorable:
        raise UnusableRequest(unstorable)
    params = dict(pairs)
    faults = [*_names(kind, pairs), *_values(params, now, retention_days), *_filters(pairs)]
    if kind == "breakdown":
        faults += [*_by(params), *_page(params)]
    if faults:
        raise UnusableRequest(faults)
    query = _query(kind, pairs, now, retention_days)
    asked = Asked(
        query,
        compare=params.get("compare", ""),
        metrics=_metrics(kind, pairs, query),
        by=params.get("by", ""),
        limit=int(params["limit"]) if "limit" in params else None,
        offset=int(params.get("offset", 0)),
        search=params.get("search", ""),
        format=params.get("format", ""),
    )
    if faults := list(_together(kind, asked, params.get("step"))):
        raise UnusableRequest(faults)
    return asked


def _names(kind: Kind, pairs: Pairs) -> Iterator[Fault]:
    counts = Counter(name for name, _value in pairs)
    for name, count in counts.items():
        if name not in PARAMETERS[kind]:
            yield one_of(name, name, PARAMETERS[kind], "parameter_unknown")
        elif count > 1 and name not in _REPEATABLE:
            yield Fault(name, "parameter_repeated", "one value", str(count))


def _values(params: Mapping[str, str], now: datetime, retention_days: int) -> Iterator[Fault]:
    zone = zone_named(params.get("tz", "UTC"))
    if zone is None:
        yield Fault("tz", "value_unknown", "an IANA time zone, as Europe/Berlin", params["tz"])
    closed: dict[str, Iterable[str]] = {
        "range": ranges_within(retention_days),
        "compare": COMPARISONS,
        "step": ("hour", "day"),
        "programs": ("0", "1"),
        "format": FORMATS,
    }
    for name, values in closed.items():
        if name in params and params[name] not in values:
            yield one_of(name, params[name], values)
    goal, _, value = params.get("goal", "type:x").partition(":")
    if goal not in ("type", "page") or not value:
        yield Fault("goal", "value_invalid", "type:EVENT_TYPE or page:PATH", params["goal"])
    yield from _period(params, now.astimezone(zone or UTC_ZONE).date(), retention_days)


def _period(params: Mapping[str, str], today: date, retention_days: int) -> Iterator[Fault]:
    if "range" in params and ("from" in params or "to" in params):
        yield Fault("range", "not_together", "either range, or from and to", params["range"])
    days, oldest = dict[str, date](), today - timedelta(days=retention_days - 1)
    for name in ("from", "to"):
        if name in params:
            try:
                days[name] = date.fromisoformat(params[name])
            except ValueError:
                yield Fault(name, "value_invalid", f"a day, as {today}", params[name])
    for name, day in days.items():
        if day < oldest:
            yield Fault(name, "value_invalid", f"{oldest} or later, as events are retained", str(day))
    first = days.get("from")
    if first and first > today:
        yield Fault("from", "value_invalid", f"{today} or earlier", str(first))
    if first and "to" in days and days["to"] < first:
        yield Fault("to", "value_invalid", f"{first} or later, as the period begins then", str(days["to"]))
    if "to" in params and "from" not in params:
        yield Fault("from", "parameter_missing", "the first day, together with to")


def _filters(pairs: Pairs) -> Iterator[Fault]:
    filters = [(name, text) for name, text in pairs if name in FILTERS]
    for name, text in filters:
        value, choices = condition_of(name, text).value, FILTERS[name].choices
        if not value:
            yield Fault(name, "value_invalid", "a value, or ! and a value", text)
        elif name == PROPERTY and property_value(value) is None:
            yield Fault(name, "value_invalid", "TYPE.PROPERTY:VALUE, as feature_used.feature:export_data", text)
        elif choices and value not in choices:
            yield one_of(name, value, choices)
    if len(filters) > MAX_CONDITIONS:
        yield Fault("filters", "value_invalid", f"up to {MAX_CONDITIONS} filters", str(len(filters)))


def _by(params: Mapping[str, str]) -> Iterator[Fault]:
    by = params.get("by")
    if by is None:
        yield Fault("by", "parameter_missing", "a dimension, as page, or a property, as feature_used.feature")
    elif panel_of(by) is None:
        yield one_of("by", by, [*DIMENSIONS, "TYPE.PROPERTY"])


def _page(params: Mapping[str, str]) -> Iterator[Fault]:
    for name, smallest, largest in (("limit", 1, MAX_LIMIT), ("offset", 0, MAX_RANKED)):
        text = params.get(name, str(smallest))
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and smallest <= int(text) <= largest):
            yield Fault(name, "value_invalid", f"a number from {smallest} to {largest}", text)


def _query(kind: Kind, pairs: Pairs, now: datetime, retention_days: int) -> Query:
    """The query of the history: its grammar is the same but for the names of comparisons and panels."""
    of_history = [(name, COMPARISONS[value] if name == "compare" else value) for name, value in pairs]
    by = dict(pairs).get("by", "") if kind == "breakdown" else ""
    panel = panel_of(by) if by else _CHEAP_PANEL
    try:
        query = parse_query([*of_history, ("panel", panel or "")], now, retention_days)
    except UnusableFilter as error:
        raise UnusableRequest([Fault("filters", "value_invalid", str(error))]) from error
    return _ranking_all(query, by) if by else query


def _ranking_all(query: Query, by: str) -> Query:
    """The query with as many names as a breakdown has."""
    query = replace(query, max_rows=MAX_RANKED, other=query.other and _ranking_all(query.other, by))
    if found := property_of(by):
        # The names of other properties would take places of those that are asked for.
        return replace(query, max_values=MAX_RANKED, search=f"{found.event_type} {found.name} ")
    return query


def _metrics(kind: Kind, pairs: Pairs, query: Query) -> tuple[str, ...]:
    texts = [text.strip() for name, value in pairs if name == "metrics" for text in value.split(",")]
    default: tuple[str, ...] = metrics.DEFAULT if query.is_of_visits else metrics.DEFAULT_BY_EVENTS
    if kind == "series" and not query.is_of_visits:
        default = metrics.DEFAULT_BY_EVENTS[1:]
    return tuple(dict.fromkeys(filter(None, texts))) or default


def _together(kind: Kind, asked: Asked, step: str | None) -> Iterator[Fault]:
    """Faults of values that are right by themselves."""
    query = asked.query
    known = {"totals": metrics.TOTALS, "series": metrics.SERIES}.get(kind, {})
    has = {"totals": metrics.of_totals, "series": metrics.of_series}.get(kind, lambda _query: [])(query)
    for name in asked.metrics if kind != "breakdown" else ():
        if name not in known:
            yield one_of("metrics", name, known)
        elif name == "conversion" and not query.goal:
            yield Fault("metrics", "not_together", "a goal, as goal=type:sign_up, for conversion", name)
        elif name not in has:
            yield Fault(
                "metrics", "not_together", f"one of {', '.join(has)}: visits do not know these filters", name
            )
    if kind == "breakdown" and asked.by in OF_VISITS_ALONE and not query.is_of_visits:
        yield Fault("by", "not_together", "filters that visits know", asked.by)
    if step and step != query.step:
        expected = f"hour for up to {MAX_HOURLY_DAYS} days, and day for all but range=24h"
        yield Fault("step", "not_together", expected, step)
    if asked.compare and not query.compare:
        yield Fault("compare", "not_together", "a period whose predecessor is retained", asked.compare)
