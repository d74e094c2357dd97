"""The rows of the live panels from the last hour's counts. Pure."""

from heapq import nsmallest

from avro_schemas.live_aggregates import OTHER, PAGE_ERRORS, WEB_VITALS, split_page_error
from avro_schemas.schema import typed_events
from dashboard.live.state import Board
from dashboard.live.windows import Counts
from dashboard.render import web_vitals
from dashboard.render.panels import Rows

TOP = 8
_ALIKE = {"pages": "pages", "referrers": "referrers", "buttons": "buttons"}
_OF_ALL = {"devices": "devices", "browsers": "browsers", "systems": "systems"}


def panels(board: Board) -> dict[str, Rows]:
    """Every panel's rows, by its name."""
    types = board.last_hour("events").total
    ranked = {name: _counted(board.last_hour(of).total) for name, of in (_ALIKE | _OF_ALL).items()}
    return ranked | {
        "types": _shares(types),
        "customs": _counted({name: count for name, count in types.items() if name not in typed_events()}),
        "forms": _forms(board),
        "errors": _errors(board),
        "speed": _speed(board),
    }


def rest(board: Board) -> dict[str, int]:
    """What the ranked panels do not show, where there is such."""
    hidden = {}
    for name, of in (_ALIKE | _OF_ALL).items():
        counts = board.last_hour(of).total
        if left := sum(counts.values()) - sum(counts[shown] for shown in top(counts)):
            hidden[name] = left
    return hidden


def top(counts: Counts, most: int = TOP) -> list[str]:
    """The most frequent names."""
    named = ((-count, name) for name, count in counts.items() if name != OTHER)
    return [name for _count, name in nsmallest(most, named)]


def _counted(counts: Counts) -> Rows:
    return {name: [counts[name]] for name in top(counts)}


def _shares(counts: Counts) -> Rows:
    all_of_them = sum(counts.values())
    return {name: [counts[name], percent(counts[name], all_of_them)] for name in top(counts)}


def _forms(board: Board) -> Rows:
    sent, taken = board.last_hour("forms").total, board.last_hour("form_successes").total
    return {form: [sent[form], taken.get(form, 0), percent(taken.get(form, 0), sent[form])] for form in top(sent)}


def _errors(board: Board) -> Rows:
    errors = board.last_hour(PAGE_ERRORS)
    rows: Rows = {}
    for name in top(errors.total):
        page, error = split_page_error(name)
        rows[name] = [error, page, errors.total[name], *errors.first_and_last(name)]
    return rows


def _speed(board: Board) -> Rows:
    return {found.metric.name: speed_row(found) for found in web_vitals.speeds(board.last_hour(WEB_VITALS).total)}


def speed_row(found: web_vitals.Speed) -> list[str | float | int | list[float] | None]:
    """The cells of a metric."""
    metric = found.metric
    shares = [found.good, found.fair, found.poor]
    return [
        f"{metric.name} · {metric.about}",
        measure(metric, found.p75),
        metric.rating(found.p75),
        shares,
        found.samples,
    ]


def measure(metric: web_vitals.Metric, value: float) -> str:
    """A value with its unit."""
    if metric.name == "CLS":
        return f"{value:.2f}"
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms"


def percent(part: int, whole: int) -> float:
    """A share in per cent, to a tenth."""
    return round(100 * part / whole, 1) if whole else 0.0
