"""What the snapshot of the live page must say, counted from the story, and where a snapshot says something else."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tests.support.world import truth
from tests.support.world.story import MINUTE, Event
from tests.support.world.truth import NAMERS, Visit, percent

Rows = Mapping[str, list[Any]]

# Panels that the history alone has.
_IN_HISTORY = ("routes", "sites", "hostnames", "languages", "screens")
_MAX_ROWS = 8
PERIODS = (5, 30)
# What a person is counted as in the panels that say who is here: what is known of the person's newest visit.
_OF_NEWEST: dict[str, Callable[[Visit], str | None]] = {
    "pages": lambda visit: visit.pages[-1] if visit.pages else None,
    "sources": truth.source_of_visit,
    "channels": lambda visit: visit.arrival.channel,
    "campaigns": lambda visit: visit.arrival.campaign,
    "countries": lambda visit: visit.first.place.browser.country,
    "releases": lambda visit: visit.first.release,
}


def expected(events: list[Event], as_of: int, *, with_programs: bool) -> dict[str, Any]:
    """Of the last hour, and since the beginning."""
    minute = as_of // MINUTE * MINUTE
    recent = [event for event in events if event.at >= minute - 59 * MINUTE]
    counted = [event for event in recent if with_programs or not event.is_program]
    minutes = defaultdict[int, Counter[str]](Counter)
    for event in counted:
        minutes[event.at // MINUTE * MINUTE][event.type] += 1
    people, by = _here(recent, minute)
    rankings = {
        name: truth.ranked(recent if name == "programs" else counted, namer)
        for name, namer in NAMERS.items()
        if name not in _IN_HISTORY
    }
    hidden = {name: _count(_ranked(name, rows)[_MAX_ROWS:]) for name, rows in rankings.items()}
    for row in rankings["event_types"].values():
        row.append(percent(row[0], len(counted)))
    for panel, here in by.items():
        for name, row in rankings[panel].items():
            row += here.get(name, [0, 0])
    return {
        "figures": people
        | {
            "last_hour": len(counted),
            "this_minute": sum(event.at >= minute for event in counted),
            "programs_left_out": len(recent) - len(counted),
        },
        "sampled": False,
        "total": dict(Counter(event.type for event in events)),
        "minutes": {str(start): dict(counts) for start, counts in minutes.items()},
        "panels": rankings | _own_panels(counted, truth.first_uses(events, minute - 59 * MINUTE)),
        "not_shown": {name: count for name, count in hidden.items() if count},
    }


def differences(shown: dict[str, Any], true: dict[str, Any]) -> list[Any]:
    """Where a snapshot is not what is expected."""
    found = shown | {"figures": {name: shown["figures"][name] for name in true["figures"]}}
    wrong = []
    for name in ("figures", "sampled", "total", "minutes", "not_shown"):
        wrong += truth.unlike(name, found[name], true[name])
    outcomes = shown["outcomes"]
    landed = outcomes["counted"] + outcomes["late"], outcomes["uncertain"], outcomes["rejected"]
    wrong += truth.unlike("outcomes", landed, (sum(true["total"].values()), 0, 0))
    for name, rows in true["panels"].items():
        top, cells = dict(_ranked(name, rows)[:_MAX_ROWS]), _cells(name, shown["panels"][name])
        wrong += truth.unlike(name, cells, top)
        if name != "web_vitals":
            wrong += truth.unlike(f"order of {name}", list(cells), list(top))
    return wrong


def _here(events: list[Event], minute: int) -> tuple[dict[str, int], dict[str, dict[str, list[int]]]]:
    """People and visits with an event in the last 5 and 30 minutes, and the people by panel and name."""
    figures: dict[str, int] = {}
    by: dict[str, dict[str, list[int]]] = {panel: defaultdict(lambda: [0, 0]) for panel in _OF_NEWEST}
    for place, minutes in enumerate(PERIODS):
        since = minute - (minutes - 1) * MINUTE
        visits = [visit for visit in truth.visits_of(events) if visit.events[-1].at >= since]
        newest = {visit.person: visit for visit in sorted(visits, key=lambda visit: visit.started_at)}
        figures |= {f"people_{minutes}": len(newest), f"visits_{minutes}": len(visits)}
        for visit in newest.values():
            for panel, name in _names(visit, minute).items():
                by[panel][name][place] += 1
    return figures, by


def _names(visit: Visit, minute: int) -> dict[str, str]:
    names = {panel: name for panel, name_of in _OF_NEWEST.items() if (name := name_of(visit)) is not None}
    if not visit.arrival.is_outside and visit.started_at < minute - 29 * MINUTE:
        # It may have begun before the hour that the page knows, and have come from anywhere.
        del names["sources"], names["channels"]
    return names


def _own_panels(events: list[Event], first_uses: Mapping[str, int]) -> dict[str, Rows]:
    """Those that do not rank names."""
    return {
        "features": {name: [*row[:4], first_uses.get(name, 0)] for name, row in truth.features(events).items()},
        "forms": truth.forms(events),
        "errors": _errors(events),
        # Values are counted in bins; how many there are is exact.
        "web_vitals": {metric: row[-1:] for metric, row in truth.vitals(events).items()},
    }


def _errors(events: list[Event]) -> Rows:
    """By page; first and last are minutes."""
    found = defaultdict[str, list[Event]](list)
    for event in events:
        if name := truth.error_name(event):
            found[f"{event.page}\t{name}"].append(event)
    rows: dict[str, list[Any]] = {}
    for key, errors in found.items():
        page, name = key.split("\t")
        minutes = [event.at // MINUTE * 60 for event in errors]
        rows[key] = [name, page, len(errors), min(minutes), max(minutes)]
    return rows


def _cells(panel: str, rows: list[dict[str, Any]]) -> Rows:
    """The rows of a panel by name, as `expected` has them."""
    if panel == "errors":
        rows = [{"name": f"{row['page']}\t{row['error']}"} | row for row in rows]
    cells = rows_by_name(rows)
    return {name: row[-1:] for name, row in cells.items()} if panel == "web_vitals" else cells


def rows_by_name(rows: list[dict[str, Any]], *, compared: bool = False) -> dict[str, list[Any]]:
    """The cells of a panel's rows by name, without titles, and times in seconds."""
    found = {}
    for row in rows:
        cells = {
            name: cell for name, cell in row.items() if name != "title" and not (compared and name == "previous")
        }
        for name in ("first", "last"):
            if name in cells:
                cells[name] = milliseconds(cells[name]) // 1000
        first, *rest = cells.values()
        found[first] = rest
    return found


def milliseconds(text: str) -> int:
    """A moment in ISO 8601, since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _ranked(panel: str, rows: Rows) -> list[tuple[str, list[Any]]]:
    """The most frequent first."""
    if panel == "features":
        return sorted(rows.items(), key=lambda row: (-row[1][3], "\t".join((row[1][1], row[1][2], row[1][0]))))
    counted = 2 if panel == "errors" else 0
    return sorted(rows.items(), key=lambda row: (-row[1][counted], row[0]))


def _count(rows: list[tuple[str, list[Any]]]) -> int:
    return sum(row[0] for _name, row in rows)
