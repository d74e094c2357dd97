"""The rows of the live page's panels, from the counts of the last hour. No I/O.

A panel with a dimension ranks that dimension's names. The other panels have a function each. One that fails costs
its own rows only.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from heapq import nsmallest

from avro_schemas.live_aggregates import (
    FIRST_USES,
    OTHER,
    PAGE_ERRORS,
    PROPERTIES,
    WEB_VITALS,
    split_custom_property,
    split_page_error,
)
from dashboard.filters import PropertyValue
from dashboard.live.last_hour import LastHour
from dashboard.live.people_now import PeopleBy
from dashboard.live.windows import Counts
from dashboard.render import web_vitals
from dashboard.render.panel import Panel, Rows, percent
from dashboard.render.panels import PANELS

log = logging.getLogger(__name__)

TOP = 8
_NOBODY: PeopleBy = {}


def panel_rows(hour: LastHour, people: PeopleBy = _NOBODY) -> dict[str, Rows]:
    """The rows of each panel of both pages, by the panel's name; people are counted by panel and name."""
    ranked = {
        panel.name: _ranked(panel, _counts(panel, hour), people.get(panel.name, {}))
        for panel in PANELS
        if panel.dimension
    }
    return ranked | {name: _rows_or_none(name, rows, hour) for name, rows in _OWN_ROWS.items()}


def not_shown(hour: LastHour) -> dict[str, int]:
    """How many events each ranking counts under names that it has no row for, where there are any."""
    hidden = {}
    for panel in PANELS:
        if panel.dimension:
            counts = _counts(panel, hour)
            if count := sum(counts.values()) - sum(counts[name] for name in top(counts)):
                hidden[panel.name] = count
    return hidden


def top(counts: Counts, max_names: int = TOP) -> list[str]:
    """The most frequent names."""
    named = ((-count, name) for name, count in counts.items() if name != OTHER)
    return [name for _count, name in nsmallest(max_names, named)]


def _counts(panel: Panel, hour: LastHour) -> Counts:
    counts = hour[panel.dimension].total
    return {name: count for name, count in counts.items() if panel.shows(name)}


def _rows_or_none(panel: str, rows: Callable[[LastHour], Rows], hour: LastHour) -> Rows:
    """The rows of a panel that reads the format of its names; none if they cannot be made."""
    try:
        return rows(hour)
    except Exception:  # raised further, it would take down the whole page
        log.exception("a panel of the live page cannot be made", extra={"panel": panel})
        return {}


def _ranked(panel: Panel, counts: Counts, people: Mapping[str, Sequence[int]]) -> Rows:
    if panel.has_people:
        return {name: [counts[name], *people.get(name, (0, 0))] for name in top(counts)}
    if not panel.has_share:
        return {name: [counts[name]] for name in top(counts)}
    total = sum(counts.values())
    return {name: [counts[name], percent(counts[name], total)] for name in top(counts)}


def _forms(hour: LastHour) -> Rows:
    submitted, succeeded = hour["forms"].total, hour["form_successes"].total
    return {
        form: [submitted[form], succeeded.get(form, 0), percent(succeeded.get(form, 0), submitted[form])]
        for form in top(submitted)
    }


def _errors(hour: LastHour) -> Rows:
    errors = hour[PAGE_ERRORS]
    rows: Rows = {}
    for name in top(errors.total):
        page, error = split_page_error(name)
        rows[name] = [error, page, errors.total[name], *errors.first_and_last(name)]
    return rows


def _features(hour: LastHour) -> Rows:
    properties, first_uses = hour[PROPERTIES].total, hour[FIRST_USES].total
    rows: Rows = {}
    for name in top(properties):
        event_type, property_name, value = split_custom_property(name)
        rows[PropertyValue(event_type, property_name, value).text] = [
            value,
            event_type,
            property_name,
            properties[name],
            first_uses.get(name, 0),
        ]
    return rows


def _web_vitals(hour: LastHour) -> Rows:
    summaries = web_vitals.summarize(hour[WEB_VITALS].total)
    return {summary.metric.name: summary.cells() for summary in summaries}


_OWN_ROWS = {"features": _features, "forms": _forms, "errors": _errors, "web_vitals": _web_vitals}
