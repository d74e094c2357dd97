"""What is asked of the history: periods, zones, goals and every filter, with the events and visits that they select."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.world import scenery
from tests.support.world.truth import (
    NAMERS,
    Namer,
    Period,
    Question,
    Visit,
    error_name,
    properties,
    source_of,
    source_of_visit,
)

# The value of a filter that an event has, and the values that a visit has.
_ANY: dict[str, tuple[Namer, Callable[[Visit], object]]] = {
    "page": (lambda event: event.page, lambda visit: visit.pages),
    "route": (lambda event: event.route or event.page, lambda visit: visit.routes),
    "type": (lambda event: event.type, lambda visit: {event.type for event in visit.events}),
}
_ONE: dict[str, tuple[Namer, Callable[[Visit], object]]] = {
    "source": (source_of, source_of_visit),
    "channel": (lambda event: event.arrival.channel, lambda visit: visit.arrival.channel),
    "campaign": (lambda event: event.arrival.campaign, lambda visit: visit.arrival.campaign),
    "country": (lambda event: event.place.browser.country, lambda visit: visit.first.place.browser.country),
    "device": (NAMERS["devices"], lambda visit: visit.first.place.browser.machine.kind),
    "browser": (NAMERS["browsers"], lambda visit: visit.first.place.browser.machine.browser),
    "system": (NAMERS["systems"], lambda visit: visit.first.place.browser.machine.system),
    "language": (NAMERS["languages"], lambda visit: visit.first.place.browser.language),
    "screen": (NAMERS["screens"], lambda visit: scenery.SCREENS[visit.first.place.browser.width]),
    "site": (NAMERS["sites"], lambda visit: visit.first.place.browser.site),
    "hostname": (NAMERS["hostnames"], lambda visit: visit.first.hostname),
    "release": (NAMERS["releases"], lambda visit: visit.first.release),
}
# Of events alone.
_OF_EVENTS: dict[str, Namer] = {
    "button": NAMERS["buttons"],
    "form": lambda event: event.data["form"] if event.type == "form_submit" else None,
    "error": error_name,
    "metric": lambda event: event.data["metric"] if event.type == "web_vital" else None,
    "prop": lambda event: next(
        (f"{event.type}.{name}:{value}" for name, value in properties(event) if name == "feature"), None
    ),
    "program": NAMERS["programs"],
}
_VALUES = {
    "page": "/pricing", "type": "form_submit", "source": "google.com", "channel": "mail", "campaign": "100% off",
    "country": "DE", "device": "mobile", "browser": "Chrome", "system": "iOS", "language": "de-DE", "screen": "xl",
    "site": "shop", "hostname": "www.shop.example", "release": "2026.2", "route": "/products/:id", "button": "buy",
    "form": "signup", "error": "RangeError: too far", "metric": "LCP", "prop": "feature_used.feature:export_data",
    "program": "curl",
}  # fmt: skip


def periods() -> Iterator[Question]:
    """Of everything, in several zones and lengths."""
    yield Question({"range": "30d"})
    yield Question({"range": "30d", "programs": "1"}, programs=True)
    yield Question(
        {"range": "7d", "tz": "Asia/Kathmandu", "goal": "type:form_submit", "compare": "1"},
        goal=lambda visit: any(event.type == "form_submit" for event in visit.events),
    )
    yield Question(
        {"range": "24h", "tz": "America/New_York", "goal": "page:/thanks"},
        goal=lambda visit: "/thanks" in visit.pages,
    )
    yield Question({"range": "90d", "tz": "Australia/Lord_Howe", "step": "day"})


def filtered() -> Iterator[Question]:
    """By a value of every filter, and without it."""
    yield _one("source", "(direct)", is_excluded=False)
    for name, value in _VALUES.items():
        for is_excluded in (False, True):
            yield _one(name, value, is_excluded=is_excluded)


def _one(name: str, value: str, *, is_excluded: bool) -> Question:
    params = {"range": "30d", name: ("!" if is_excluded else "") + value}
    if name in _OF_EVENTS:
        of_event = _OF_EVENTS[name]
        return Question(
            params,
            lambda event: (of_event(event) == value) is not is_excluded,
            None,
            programs=name == "program" and not is_excluded,
        )
    if name in _ANY:
        of_event, of_visit = _ANY[name]
        return Question(
            params,
            lambda event: (of_event(event) == value) is not is_excluded,
            lambda visit: (value in of_visit(visit)) is not is_excluded,  # type: ignore[operator] # lists and sets
        )
    of_event, of_visit = _ONE[name]
    return Question(
        params,
        lambda event: (of_event(event) == value) is not is_excluded,
        lambda visit: (of_visit(visit) == value) is not is_excluded,
    )


def period_of(question: Question, now: datetime) -> Period:
    """Since when a question is, by the calendar of its zone, and up to the end of the minute."""
    zone = ZoneInfo(question.params.get("tz", "UTC"))
    here = now.astimezone(zone).replace(second=0, microsecond=0)
    until = here + timedelta(minutes=1)
    name = question.params["range"]
    if name == "24h":
        since = datetime.fromtimestamp((until.timestamp() // 3600 - 23) * 3600, zone)
    else:
        first = here.date() - timedelta(days=int(name.removesuffix("d")) - 1)
        since = datetime(first.year, first.month, first.day, tzinfo=zone)
    return Period(_ms(since), _ms(until))


def previous_of(question: Question, period: Period) -> Period:
    """The same length before it, by the calendar."""
    zone = ZoneInfo(question.params.get("tz", "UTC"))
    days = timedelta(days=int(question.params["range"].removesuffix("d")))
    since, until = (datetime.fromtimestamp(moment / 1000, zone) - days for moment in period)
    return Period(_ms(since), _ms(until))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
