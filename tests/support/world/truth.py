"""The numbers of every page, counted from the story: plain loops over events, and nothing of the product.

docs/definitions.md says what each number is. `history` gives what the JSON behind the history page must say; live.py has
the same of the live page.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tests.support.world import scenery
from tests.support.world.story import Event

QUIET = ("page_view", "web_vital", "error_encountered", "scroll")
TYPED = ("page_view", "web_vital", "error_encountered", "form_submit", "button_click")
GOOD = {"LCP": (2500, 4000), "INP": (200, 500), "CLS": (0.1, 0.25)}


@dataclass
class Visit:
    """A visit of the story, with its events in order."""

    person: str
    events: list[Event]

    @cached_property
    def views(self) -> list[Event]:
        return [event for event in self.events if event.type == "page_view"]

    @cached_property
    def pages(self) -> list[str | None]:
        return [view.page for view in self.views]

    @cached_property
    def routes(self) -> list[str | None]:
        return [view.route or view.page for view in self.views]

    @property
    def started_at(self) -> int:
        return self.events[0].at

    @property
    def seconds(self) -> float:
        return (self.events[-1].at - self.events[0].at) / 1000

    @property
    def interactions(self) -> int:
        return sum(event.type not in QUIET for event in self.events)

    @property
    def bounced(self) -> bool:
        return len(self.views) == 1 and self.interactions == 0 and self.seconds < 10

    @property
    def first(self) -> Event:
        """Where it was, and on what."""
        return (self.views or self.events)[0]

    @property
    def arrival(self) -> scenery.Arrival:
        """How it began: the first that came from outside, or nothing."""
        return next((event.arrival for event in self.events if event.arrival.is_outside), scenery.DIRECT)


def visits_of(events: Iterable[Event]) -> list[Visit]:
    """The visits, with the names that the story gave them."""
    named = defaultdict[str, list[Event]](list)
    for event in events:
        if event.visit is not None:
            named[event.visit].append(event)
    found = []
    for of_visit in named.values():
        of_visit.sort(key=lambda event: event.at)
        (person,) = {event.place.person for event in of_visit}
        assert person is not None
        found.append(Visit(person, of_visit))
    return found


def rows_of_visits(visits: Iterable[Visit]) -> Counter[tuple[Any, ...]]:
    """The visits of each person, as the view has them, without the names of the persons."""
    by_person = defaultdict[str, list[Visit]](list)
    for visit in visits:
        by_person[visit.person].append(visit)
    found = Counter[tuple[Any, ...]]()
    for person, of_person in by_person.items():
        of_person.sort(key=lambda visit: visit.started_at)
        rows = [_row(visit, is_first=visit is of_person[0]) for visit in of_person]
        found[(person.startswith("user-"), *rows)] += 1
    return found


def _row(visit: Visit, *, is_first: bool) -> tuple[Any, ...]:
    first, arrival = visit.first, visit.arrival
    browser = first.place.browser
    return (
        visit.started_at, visit.events[-1].at, len(visit.views), len(visit.events), visit.interactions,
        visit.bounced, is_first, *((visit.pages[0], visit.pages[-1]) if visit.pages else (None, None)),
        *((visit.routes[0], visit.routes[-1]) if visit.routes else (None, None)),
        arrival.channel, arrival.source, arrival.campaign, browser.site, first.hostname, browser.country,
        browser.language, scenery.SCREENS[browser.width], first.release, browser.machine.kind,
    )  # fmt: skip


COLUMNS = """(extract(epoch from started_at) * 1000)::bigint, (extract(epoch from ended_at) * 1000)::bigint,
    views, events, interactions, bounced, is_first, entry_page, exit_page, entry_route, exit_route, channel, source, utm_campaign, site, hostname,
    country, language, screen, release, device"""


def source_of_visit(visit: Visit) -> str | None:
    """Where a visit came from."""
    return "(direct)" if visit.arrival.channel == "direct" else visit.arrival.source


class Question(NamedTuple):
    """What is asked of the history, and which events and visits that selects."""

    params: Mapping[str, str]
    of_event: Callable[[Event], bool] = lambda _event: True
    # None: visits do not know the filter.
    of_visit: Callable[[Visit], bool] | None = lambda _visit: True
    goal: Callable[[Visit], bool] | None = None
    programs: bool = False


class ToATenth(float):
    """A number of seconds that is shown to a tenth: of two tenths that are as near, either is right."""

    def __eq__(self, shown: object) -> bool:
        return isinstance(shown, int | float) and abs(float(self) - shown) < 0.05 + 1e-6

    __hash__ = float.__hash__


class Period(NamedTuple):
    since: int
    until: int

    def has(self, moment: int) -> bool:
        return self.since <= moment < self.until


def history(question: Question, events: list[Event], period: Period, starts: list[int]) -> dict[str, Any]:
    """Totals, steps, what is left out, and all panels: as the JSON has them, rows by name."""
    selected = [event for event in events if period.has(event.made) and question.of_event(event)]
    counted = [event for event in selected if question.programs or not event.is_program]
    found = {
        "program_events_left_out": len(selected) - len(counted),
        "steps": _steps(counted, starts),
        "panels": _panels_of_events(counted, selected),
    }
    if question.of_visit is None:
        senders = {event.sender for event in selected if event.sender}
        views = sum(event.type == "page_view" for event in counted)
        return found | {"totals": {"people": len(senders), "views": views, "events": len(counted)}}
    visits = [visit for visit in visits_of(events) if period.has(visit.started_at) and question.of_visit(visit)]
    found["panels"] |= _panels_of_visits(visits)
    return found | {"totals": _totals(visits, question.goal) | {"events": len(counted)}}


def _steps(events: list[Event], starts: list[int]) -> list[dict[str, int]]:
    counts = [Counter[str]() for _start in starts]
    for event in events:
        step = max(place for place, start in enumerate(starts) if start <= event.made)
        counts[step][event.type] += 1
    return [dict(each) for each in counts]


def _totals(visits: list[Visit], goal: Callable[[Visit], bool] | None) -> dict[str, float]:
    views, viewed = sum(len(visit.views) for visit in visits), sum(bool(visit.views) for visit in visits)
    found = {
        "people": len({visit.person for visit in visits}),
        "visits": len(visits),
        "views": views,
        "views_per_visit": round(views / len(visits), 2) if visits else 0,
        "bounce_rate": percent(sum(visit.bounced for visit in visits), viewed),
        "median_duration": ToATenth(statistics.median([visit.seconds for visit in visits]) if visits else 0),
    }
    if goal:
        found["conversion"] = percent(sum(map(goal, visits)), len(visits))
    return found


def _panels_of_visits(visits: list[Visit]) -> dict[str, dict[str, list[Any]]]:
    def counted(name_of: Callable[[Visit], str | None]) -> dict[str, list[Any]]:
        people = defaultdict[str, list[str]](list)
        for visit in visits:
            if (name := name_of(visit)) is not None:
                people[name].append(visit.person)
        return {name: [len(persons), len(set(persons))] for name, persons in people.items()}

    return {
        "entry_pages": counted(lambda visit: visit.pages[0] if visit.pages else None),
        "exit_pages": counted(lambda visit: visit.pages[-1] if visit.pages else None),
        "entry_routes": counted(lambda visit: visit.routes[0] if visit.routes else None),
        "exit_routes": counted(lambda visit: visit.routes[-1] if visit.routes else None),
        "sources": counted(source_of_visit),
        "channels": counted(lambda visit: visit.arrival.channel),
        "campaigns": counted(lambda visit: visit.arrival.campaign),
        "countries": counted(lambda visit: visit.first.place.browser.country),
        "devices": counted(lambda visit: visit.first.place.browser.machine.kind),
    }


# The name that an event counts as, in each panel that ranks names.
Namer = Callable[[Event], str | None]


def _of(kind: str, name: str) -> Namer:
    return lambda event: event.data.get(name) if event.type == kind else None


def _of_views(name_of: Namer) -> Namer:
    return lambda event: name_of(event) if event.type == "page_view" else None


def source_of(event: Event) -> str | None:
    """Where a view came from."""
    return "(direct)" if event.arrival.channel == "direct" else event.arrival.source


NAMERS: dict[str, Namer] = {
    "pages": _of_views(lambda event: event.page),
    "routes": _of_views(lambda event: event.route or event.page),
    "sources": _of_views(source_of),
    "channels": _of_views(lambda event: event.arrival.channel),
    "campaigns": _of_views(lambda event: event.arrival.campaign),
    "countries": _of_views(lambda event: event.place.browser.country),
    "event_types": lambda event: event.type,
    "custom_events": lambda event: None if event.type in TYPED else event.type,
    "buttons": _of("button_click", "button"),
    "devices": lambda event: event.place.browser.machine.kind,
    "browsers": lambda event: None if event.is_program else event.place.browser.machine.browser,
    "systems": lambda event: event.place.browser.machine.system,
    "releases": lambda event: event.release,
    "sites": lambda event: event.place.browser.site,
    "hostnames": lambda event: event.hostname,
    "languages": lambda event: event.place.browser.language,
    "screens": lambda event: scenery.SCREENS[event.place.browser.width],
    "programs": lambda event: event.place.browser.machine.browser if event.is_program else None,
}


def _panels_of_events(counted: list[Event], selected: list[Event]) -> dict[str, dict[str, list[Any]]]:
    panels = {name: ranked(selected if name == "programs" else counted, NAMERS[name]) for name in NAMERS}
    for name, row in panels["event_types"].items():
        panels["event_types"][name] = [row[0], percent(row[0], len(counted))]
    return panels | {
        "features": features(counted),
        "forms": forms(counted),
        "errors": _errors(counted),
        "web_vitals": vitals(counted),
    }


def ranked(events: list[Event], name_of: Namer) -> dict[str, list[Any]]:
    """How many events count as each name."""
    counts = Counter(name for event in events if (name := name_of(event)) is not None)
    return {name: [count] for name, count in counts.items()}


def properties(event: Event) -> list[tuple[str, str]]:
    """Of a custom event: names and values, as text."""
    if event.type in TYPED:
        return []
    values = {name: value for name, value in event.data.items() if name != "user_agent"}
    return [
        (name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in values.items()
    ]


def features(events: list[Event]) -> dict[str, list[Any]]:
    """By value of a property: value, type, property, events, people."""
    found = defaultdict[str, list[Event]](list)
    for event in events:
        for name, value in properties(event):
            found[f"{event.type}.{name}:{value}"].append(event)
    rows: dict[str, list[Any]] = {}
    for key, of_feature in found.items():
        kind, name = key.partition(":")[0].split(".")
        rows[key] = [key.partition(":")[2], kind, name, len(of_feature), _senders(of_feature)]
    return rows


def first_uses(events: list[Event], since: int) -> dict[str, int]:
    """By value of a property: who used it since then, and not before."""
    earliest: dict[tuple[str, str], int] = {}
    for event in events:
        for name, value in properties(event):
            if event.sender:
                use = f"{event.type}.{name}:{value}", event.sender
                earliest[use] = min(event.at, earliest.get(use, event.at))
    return Counter(key for (key, _sender), at in earliest.items() if at >= since)


def forms(events: list[Event]) -> dict[str, list[Any]]:
    """By form: submitted, succeeded, the share of these."""
    found = defaultdict[str, list[Event]](list)
    for event in events:
        if event.type == "form_submit":
            found[event.data["form"]].append(event)
    rows: dict[str, list[Any]] = {}
    for form, submitted in found.items():
        succeeded = sum(event.data.get("success") is True for event in submitted)
        rows[form] = [len(submitted), succeeded, percent(succeeded, len(submitted))]
    return rows


def error_name(event: Event) -> str | None:
    """What the error is called, as scenery.py says."""
    if event.type != "error_encountered":
        return None
    return next(
        name
        for kind, message, _source, name in scenery.ERRORS
        if (kind, message) == (event.data.get("kind"), event.data["message"])
    )


def _errors(events: list[Event]) -> dict[str, list[Any]]:
    found = defaultdict[str, list[Event]](list)
    for event in events:
        if name := error_name(event):
            found[name].append(event)
    rows: dict[str, list[Any]] = {}
    for name, errors in found.items():
        times = [event.at for event in errors]
        pages = {event.page for event in errors}
        rows[name] = [_senders(errors), len(errors), len(pages), min(times) // 1000, max(times) // 1000]
    return rows


def vitals(events: list[Event]) -> dict[str, list[Any]]:
    """By metric: 75th percentile, rating, shares of ratings, measurements."""
    found = defaultdict[str, list[float]](list)
    for event in events:
        if event.type == "web_vital":
            found[event.data["metric"]].append(event.data["value"])
    rows: dict[str, list[Any]] = {}
    for metric, values in found.items():
        values.sort()
        good, poor = GOOD[metric]
        p75 = values[-(-3 * len(values) // 4) - 1]
        rating = "good" if p75 <= good else "fair" if p75 <= poor else "poor"
        parts = Counter("good" if value <= good else "fair" if value <= poor else "poor" for value in values)
        shares = [percent(parts[part], len(values)) for part in ("good", "fair", "poor")]
        rows[metric] = [p75, rating, shares, len(values)]
    return rows


def _senders(events: list[Event]) -> int:
    """People by what events say themselves: see docs/definitions.md, Live and history."""
    return len({event.sender for event in events if event.sender})


def percent(part: int, whole: int) -> float:
    """A share to a tenth; halves go up, as in SQL."""
    return (2000 * part + whole) // (2 * whole) / 10 if whole else 0.0


def without(events: list[Event], user: str) -> list[Event]:
    """What is left after the user was erased: nothing of theirs, nor what was not signed in on their browsers."""
    browsers = {event.place.browser for event in events if event.sender == user and event.has_visitor}
    return [
        event
        for event in events
        if event.place.opted_out
        or (event.place.user != user and not (event.place.user is None and event.place.browser in browsers))
    ]


def unlike(part: str, found: Any, true: Any) -> list[Any]:
    """Part, what is shown and what is true, where they differ."""
    if found == true:
        return []
    if isinstance(found, dict):
        return [
            (part, name, "shown", found.get(name), "true", true.get(name))
            for name in sorted(found.keys() | true.keys())
            if found.get(name) != true.get(name)
        ]
    return [(part, "shown", found, "true", true)]
