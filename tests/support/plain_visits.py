"""What people and visits are, said plainly: the definition in code, to which the sinks are compared."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

QUIET = ("page_view", "web_vital", "error_encountered", "scroll")
Links = Mapping[bytes, Mapping[bytes, int]]


class Event(NamedTuple):
    """What visits need of an event. Times in milliseconds."""

    at: int
    id: bytes
    type: str
    visitor: bytes | None
    user: bytes | None
    session: bytes | None
    page: str | None = None
    route: str | None = None
    origin: tuple[str | None, ...] | None = None
    channel: str | None = None
    country: str | None = None
    bot: bool = False

    @property
    def browser(self) -> bytes | None:
        return self.visitor or self.user or self.session

    @property
    def is_outside(self) -> bool:
        return self.channel not in (None, "direct")

    @property
    def day(self) -> Any:
        return datetime.fromtimestamp(self.at / 1000, UTC).date()


class Visit(NamedTuple):
    """A visit as the table has it."""

    id: bytes
    person: bytes
    is_user: bool
    events: int
    started_at: int
    ended_at: int
    views: int
    interactions: int
    pages: tuple[str | None, ...]
    routes: tuple[str | None, ...]
    country: str | None
    channel: str
    campaign: str | None


def links_of(events: Iterable[Event]) -> dict[bytes, dict[bytes, int]]:
    """When each visitor first became each user."""
    found = defaultdict[bytes, dict[bytes, int]](dict)
    for event in events:
        if event.visitor and event.user and not event.bot:
            of_visitor = found[event.visitor]
            of_visitor[event.user] = min(event.at, of_visitor.get(event.user, event.at))
    return dict(found)


def visits_of(
    events: Iterable[Event], links: Links, gap: timedelta, oldest: int, max_per_day: int = 10_000
) -> list[Visit]:
    """The visits of these events."""
    gap_ms = int(gap.total_seconds() * 1000)
    by_browser, by_person = defaultdict[bytes, list[Event]](list), defaultdict[bytes, list[Event]](list)
    for event in events:
        if not event.bot and event.browser and event.at >= oldest:
            by_browser[event.browser].append(event)
    users = set[bytes]()
    for browser, of_browser in by_browser.items():
        floods = {
            day
            for run in _runs(of_browser, gap_ms)
            for day, count in Counter(event.day for event in run).items()
            if count > max_per_day
        }
        first = min(((at, user) for user, at in links.get(browser, {}).items()), default=None)
        for run in _runs([event for event in of_browser if event.day not in floods], gap_ms):
            for place, event in enumerate(run):
                next_user = next((each.user for each in run[place:] if each.user), None)
                last_user = next((each.user for each in reversed(run[:place]) if each.user), None)
                first_user = first[1] if first and event.at < first[0] else None
                user = next_user if not event.user else event.user
                user = user or last_user or first_user
                if user:
                    users.add(user)
                by_person[user or browser].append(event)
    visits = (
        _visit(person, person in users, visit)
        for person, of_person in by_person.items()
        for chain in _runs(of_person, gap_ms)
        for visit in _by_origin(chain)
    )
    return sorted(visits, key=lambda visit: visit.id)


def _runs(events: Sequence[Event], gap_ms: int) -> Iterator[list[Event]]:
    run = list[Event]()
    for event in sorted(events, key=lambda event: event[:2]):
        if run and event.at - run[-1].at > gap_ms:
            yield run
            run = []
        run.append(event)
    if run:
        yield run


def _by_origin(chain: Sequence[Event]) -> Iterator[list[Event]]:
    """The visits of a chain: an arrival from elsewhere begins another one."""
    visit, origin = list[Event](), None
    for event in chain:
        if event.is_outside:
            came_otherwise = any(each.type == "page_view" for each in visit) if origin is None else True
            if visit and came_otherwise and event.origin != origin:
                yield visit
                visit = []
            origin = event.origin
        visit.append(event)
    yield visit


def _visit(person: bytes, is_user: bool, events: Sequence[Event]) -> Visit:
    views = [event for event in events if event.type == "page_view"]
    arrival = next((event for event in events if event.is_outside), None)
    return Visit(
        events[0].id,
        person,
        is_user,
        len(events),
        events[0].at,
        events[-1].at,
        len(views),
        sum(event.type not in QUIET for event in events),
        tuple(event.page for event in views),
        tuple(event.route or event.page for event in views),
        (views or list(events))[0].country,
        arrival.channel or "direct" if arrival else "direct",
        arrival.origin[-1] if arrival and arrival.origin else None,
    )
