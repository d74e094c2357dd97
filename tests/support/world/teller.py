"""A month of people, made from a seed: who did what, when and where, and which of it is whose and in which visit.

Pure: the same seed, number of people and time make the same story. Whose an event is and in which visit is said where
the event is made; nothing is derived by a rule that the product has too.
"""

from random import Random
from typing import Any

from tests.support.world import scenery
from tests.support.world.acts import DATA, new_id
from tests.support.world.scenery import DIRECT, NOTHING, OUTSIDE, Arrival, Machine
from tests.support.world.story import DAY, GAP, HOUR, MINUTE, SECOND, Browser, Event, Place, Request, Story

# The collector takes ids of the last seven days; of what is older, they are made when it is sent.
_OLDEST_ID = 6 * DAY + 12 * HOUR
# A stay takes less than this, so those of a person are never one visit by accident.
_SLOT = 6 * HOUR
_DAYS = 33


def story_of(seed: int, people: int, now: int) -> Story:
    """What so many people did in the month before `now`, and up to it."""
    story = Story(now)
    for number in range(people):
        Teller(Random(f"{seed} {number}"), story, number).live()
    return story


class Teller:
    """Tells what one person did, or the few who share a browser."""

    def __init__(self, chance: Random, story: Story, number: int) -> None:
        self._chance, self._story, self._number = chance, story, number
        self._visits = self._browsers = 0
        self._now = story.now
        self._late: list[list[Event]] = []

    def live(self) -> None:
        kinds = (
            self._guest, self._member, self._joiner, self._two_browsers, self._shared_browser, self._leaver,
            self._opted_out, self._program, self._by_the_minute, self._with_backend, self._guest, self._half_opted_out,
        )  # fmt: skip
        kinds[self._number % len(kinds)]()
        for events in self._late:
            self._send(events)

    # Who they are.

    def _guest(self) -> None:
        browser = self._browser()
        place = Place(browser, browser.name)
        for start in self._starts():
            self._stay(place, start)
        self._live_stay(place)

    def _member(self) -> None:
        place = self._signed_in(self._browser(), self._user())
        self._story.erasable.append(place.user or "")
        for start in self._starts():
            self._stay(place, start)
        self._live_stay(place)

    def _joiner(self) -> None:
        """Signs in one day: all before it was the user's too, and what is not signed in after it is the browser's."""
        browser, user = self._browser(), self._user()
        self._story.erasable.append(user)
        starts = self._starts(at_least=3)
        joins = self._chance.randrange(1, len(starts) - 1)
        for start in starts[:joins]:
            self._stay(Place(browser, user), start)
        self._sign_in(browser, user, starts[joins])
        for start in starts[joins + 1 :]:
            is_signed_in = self._chance.random() < 0.5
            self._stay(self._signed_in(browser, user) if is_signed_in else Place(browser, browser.name), start)
        self._sign_in(browser, user, self._now - 150 * SECOND, is_live=True)

    def _two_browsers(self) -> None:
        """Uses a computer and a phone, often at the same time: then that is one visit."""
        user = self._user()
        self._story.erasable.append(user)
        places = [self._signed_in(self._browser(), user) for _ in range(2)]
        for start in self._starts():
            if self._chance.random() < 0.5:
                self._stay(self._chance.choice(places), start)
            else:
                self._together(places, start)
        self._one_after_the_other(places, self._now - 150 * SECOND)

    def _shared_browser(self) -> None:
        """Two people one after the other, without a pause. What happens between is of who comes next."""
        browser, first, second = self._browser(), self._user(), self._user("b")
        starts = self._starts(at_least=3)
        self._stay(self._signed_in(browser, first), starts[0])
        for start in starts[1:]:
            mine, yours = self._visit(), self._visit()
            events = self._walk(self._signed_in(browser, first), mine, start, self._arrival())
            between = events[-1].at + self._pause()
            events += self._walk(Place(browser, second), yours, between, NOTHING, acts=1)
            at = events[-1].at + self._pause()
            events += self._walk(self._signed_in(browser, second), yours, at, NOTHING)
            at = events[-1].at + self._pause()
            events += self._walk(Place(browser, second), yours, at, NOTHING, acts=1)
            self._send(events)
        self._live_stay(Place(browser, browser.name))

    def _leaver(self) -> None:
        """Signs out and goes on reading: it stays the user until a pause, and is the browser after it."""
        browser, user = self._browser(), self._user()
        self._story.erasable.append(user)
        starts = self._starts()
        for start in starts:
            visit = self._visit()
            events = self._walk(self._signed_in(browser, user), visit, start, self._arrival(), acts=3)
            events += self._walk(Place(browser, user), visit, events[-1].at + self._pause(), NOTHING)
            later = events[-1].at + GAP + self._chance.choice([1, SECOND, HOUR])
            events += self._walk(Place(browser, browser.name), self._visit(), later, self._arrival(), acts=2)
            self._send(events)
        self._live_stay(self._signed_in(browser, user))

    def _opted_out(self) -> None:
        browser = self._browser()
        user = self._user() if self._chance.random() < 0.5 else None
        for start in self._starts():
            self._stay(Place(browser, None, user, opted_out=True), start)
        self._live_stay(Place(browser, None, user, opted_out=True))

    def _half_opted_out(self) -> None:
        """Opts out one day."""
        browser, user = self._browser(), self._user()
        starts = self._starts()
        for place_, start in enumerate(starts):
            is_out = place_ >= len(starts) // 2
            place = Place(browser, None, user, opted_out=True) if is_out else self._signed_in(browser, user)
            self._stay(place, start)

    def _program(self) -> None:
        machine = self._chance.choice(scenery.PROGRAMS)
        place = Place(self._browser(machine), None)
        for start in self._starts():
            self._stay(place, start)
        self._live_stay(place)

    def _by_the_minute(self) -> None:
        """Comes at midnight in many places, and waits exactly as long as a visit lasts, or a moment longer."""
        browser = self._browser()
        place = Place(browser, browser.name)
        for start in self._starts(at_least=4):
            # Days begin at any quarter of an hour somewhere.
            start += -start % (15 * MINUTE) - self._chance.choice([0, 1, 4 * MINUTE])
            visit = self._visit()
            events = self._walk(place, visit, start, self._arrival(), acts=2)
            events += self._walk(place, visit, events[-1].at + GAP, NOTHING, acts=2)
            events += self._walk(place, self._visit(), events[-1].at + GAP + 1, NOTHING, acts=2)
            self._send(events)
        self._live_stay(place)

    def _with_backend(self) -> None:
        """Backends send what the same user bought, with the browser's user agent or without."""
        user = self._user()
        self._story.erasable.append(user)
        place = self._signed_in(self._browser(), user)
        backends = [self._browser(machine, is_backend=True) for machine in (place.browser.machine, scenery.UNSAID)]
        for start in self._starts():
            visit = self._visit()
            events = self._walk(place, visit, start, self._arrival())
            self._send(events)
            for number, backend in enumerate(backends):
                at = events[-1].at + (1 + number) * MINUTE
                self._send([self._event(Place(backend, user, user), visit, at, "feature_used")])
        self._live_stay(place)

    # What they do.

    def _stay(self, place: Place, start: int, *, is_live: bool = False) -> None:
        """A visit, or a few that follow each other, of one who is at one browser."""
        stays = (self._plain, self._two_sources, self._same_source, self._typed_then_link, self._act_then_link,
                 self._link_then_typed, self._bounce, self._no_view, self._two_campaigns)  # fmt: skip
        events = self._chance.choice(stays)(place, start)
        self._send(events, is_late=not is_live and self._chance.random() < 0.15)

    def _plain(self, place: Place, start: int) -> list[Event]:
        return self._walk(place, self._visit_of(place), start, self._arrival(), acts=self._chance.randrange(1, 12))

    def _two_sources(self, place: Place, start: int) -> list[Event]:
        first, second = self._chance.sample(OUTSIDE, 2)
        return self._after(self._walk(place, self._visit_of(place), start, first), self._visit_of(place), second)

    def _same_source(self, place: Place, start: int) -> list[Event]:
        arrival, visit = self._chance.choice(OUTSIDE), self._visit_of(place)
        return self._after(self._walk(place, visit, start, arrival), visit, arrival)

    def _typed_then_link(self, place: Place, start: int) -> list[Event]:
        events = self._walk(place, self._visit_of(place), start, self._chance.choice([DIRECT, NOTHING]))
        return self._after(events, self._visit_of(place), self._chance.choice(OUTSIDE))

    def _act_then_link(self, place: Place, start: int) -> list[Event]:
        visit = self._visit_of(place)
        events = [self._event(place, visit, start, "feature_used")]
        return self._after(events, visit, self._chance.choice(OUTSIDE))

    def _link_then_typed(self, place: Place, start: int) -> list[Event]:
        visit = self._visit_of(place)
        return self._after(self._walk(place, visit, start, self._chance.choice(OUTSIDE)), visit, DIRECT)

    def _bounce(self, place: Place, start: int) -> list[Event]:
        """One view, and something that is not an act, just before or just at ten seconds; or an act."""
        visit = self._visit_of(place)
        events = [self._view(place, visit, start, self._arrival())]
        later = self._chance.choice([None, 9_999, 10_000])
        if later is not None:
            quiet = self._chance.choice(["scroll", "web_vital", "error_encountered", "click"])
            events.append(self._event(place, visit, start + later, quiet))
        return events

    def _no_view(self, place: Place, start: int) -> list[Event]:
        visit = self._visit_of(place)
        count = self._chance.randrange(1, 4)
        return [self._event(place, visit, start + n * MINUTE, "feature_used") for n in range(count)]

    def _two_campaigns(self, place: Place, start: int) -> list[Event]:
        mails = [arrival for arrival in OUTSIDE if arrival.source is None]
        first, second = self._chance.sample(mails, 2)
        return self._after(self._walk(place, self._visit_of(place), start, first), self._visit_of(place), second)

    def _after(self, events: list[Event], visit: str | None, arrival: Arrival) -> list[Event]:
        return events + self._walk(events[0].place, visit, events[-1].at + self._pause(), arrival)

    def _sign_in(self, browser: Browser, user: str, start: int, *, is_live: bool = False) -> None:
        """Reads, then signs in: all of it is the user's."""
        visit, pause = self._visit(), 5 * SECOND if is_live else self._pause()
        events = self._walk(Place(browser, user), visit, start, self._arrival(), acts=2, pause=pause)
        later = events[-1].at + pause
        events += self._walk(self._signed_in(browser, user), visit, later, NOTHING, acts=3, pause=pause)
        self._send(events)

    def _together(self, places: list[Place], start: int) -> None:
        visit = self._visit()
        first = self._walk(places[0], visit, start, self._chance.choice(OUTSIDE), acts=6)
        second = self._walk(places[1], visit, start + 2 * SECOND + 1, NOTHING, acts=4)
        self._send(first)
        self._send(second)

    def _one_after_the_other(self, places: list[Place], start: int) -> None:
        """On two browsers in different minutes: within one, the live page has the order of the log."""
        visit, pause = self._visit(), 4 * SECOND
        first = self._walk(places[0], visit, start, self._chance.choice(OUTSIDE), acts=6, pause=pause)
        self._send(first)
        self._send(self._walk(places[1], visit, first[-1].at + MINUTE, NOTHING, acts=4, pause=pause))

    def _live_stay(self, place: Place) -> None:
        """Is there in the minutes before the story ends; some come again, from somewhere else."""
        chance, pause = self._chance, 9 * SECOND
        if chance.random() < 0.2:
            return
        start = self._now - chance.randrange(120, 170) * SECOND
        if chance.random() < 0.7:
            self._send(self._walk(place, self._visit_of(place), start, self._arrival(), acts=6, pause=pause))
            return
        first, second = chance.sample(OUTSIDE, 2)
        events = self._walk(place, self._visit_of(place), start, first, acts=1, pause=pause)
        # In another minute: within one, the live page does not know which events were before the arrival.
        again = events[-1].at + MINUTE
        self._send(events + self._walk(place, self._visit_of(place), again, second, acts=2, pause=pause))

    def _walk(
        self, place: Place, visit: str | None, start: int, arrival: Arrival, *, acts: int = 4, pause: int = 0
    ) -> list[Event]:
        """A view, and so many acts after it, each after a pause of at most twelve minutes."""
        events, at = [self._view(place, visit, start, arrival)], start
        kinds = ("page_view", "page_view", "button_click", "form_submit", "error_encountered", "web_vital", "feature_used",
                 "scroll", "click")  # fmt: skip
        for _ in range(acts):
            at += pause or self._pause()
            kind = self._chance.choice(kinds)
            own = Arrival(self._chance.choice(scenery.OWN_REFERRERS))
            events.append(
                self._view(place, visit, at, own) if kind == "page_view" else self._event(place, visit, at, kind)
            )
        return events

    def _view(self, place: Place, visit: str | None, at: int, arrival: Arrival) -> Event:
        page, route = self._chance.choice(scenery.PAGES)
        referrer = arrival.referrer
        if arrival == NOTHING:  # it came from a page of the site
            referrer = self._chance.choice(scenery.OWN_REFERRERS)
        event = self._event(place, visit, at, "page_view")
        event.data = {"page": page} | ({"referrer": referrer} if referrer else {})
        event.page, event.arrival = page, arrival
        if arrival.query or self._chance.random() < 0.3:
            host = self._chance.choice(scenery.HOSTS)
            event.data["page"] = f"https://{host}{page}?{arrival.query or 'token=secret'}&ref=x#top"
            event.hostname = host
        if route and self._chance.random() < 0.7:
            event.context["route"] = event.route = route
        return event

    def _event(self, place: Place, visit: str | None, at: int, kind: str) -> Event:
        browser, chance = place.browser, self._chance
        release = f"2026.{1 + (at // (10 * DAY)) % 3}"
        context: dict[str, Any] = {"site": browser.site, "release": release}
        if browser.width and not browser.is_backend:
            context["screen_width"] = browser.width
        made = at if self._now - at < _OLDEST_ID else self._now - chance.randrange(1, 3 * MINUTE)
        event = Event(at, new_id(chance, made), kind, {}, context, place, visit, release=release)
        event.hostname = None if browser.is_backend else browser.host
        page = chance.choice(scenery.PAGES)[0]
        event.data, event.page = DATA[kind](chance, page)
        if browser.is_backend and browser.machine.agent:
            event.data["user_agent"] = browser.machine.agent
        return event

    # Small things.

    def _send(self, events: list[Event], *, is_late: bool = False) -> None:
        """In requests of a few events; what is late comes after all else."""
        requests = self._story.requests
        if is_late and events[0].place.browser.name in requests:
            self._late.append(events)
            return
        while events:
            browser, place = events[0].place.browser, events[0].place
            of_browser = requests.setdefault(browser.name, [])
            count = self._chance.randrange(1, 5) if of_browser else 1
            together = [event for event in events[:count] if event.place == place]
            if not of_browser and (place.user or browser.is_backend):
                together[0].has_visitor = False  # the cookie comes with the answer
            for event in together:
                event.has_visitor = event.has_visitor and not browser.is_backend
            of_browser.append(Request(place, together, self._chance.random() < 0.15))
            events = events[len(together) :]

    def _starts(self, at_least: int = 1) -> list[int]:
        """When stays begin, in order. The last one is over hours before now."""
        slots = self._chance.sample(range(1, _DAYS * 4), max(at_least, self._chance.randrange(2, 9)))
        # Inside a slot nothing begins so late that it reaches the next one.
        moments = [self._now - (slot + 1) * _SLOT + self._chance.randrange(30 * MINUTE) for slot in slots]
        return sorted(moments)

    def _pause(self) -> int:
        return self._chance.choice([SECOND, 20 * SECOND, MINUTE, 5 * MINUTE]) + self._chance.randrange(2 * MINUTE)

    def _arrival(self) -> Arrival:
        return self._chance.choice([DIRECT, DIRECT, NOTHING, *OUTSIDE])

    def _visit_of(self, place: Place) -> str | None:
        return self._visit() if place.person else None

    def _visit(self) -> str:
        self._visits += 1
        return f"{self._number}.{self._visits}"

    def _user(self, suffix: str = "") -> str:
        return f"user-{self._number}{suffix}"

    def _signed_in(self, browser: Browser, user: str) -> Place:
        return Place(browser, user, user)

    def _browser(self, machine: Machine | None = None, *, is_backend: bool = False) -> Browser:
        self._browsers += 1
        chance = self._chance
        network, country = chance.choice(list(scenery.COUNTRIES.items()))
        accepts, language = chance.choice(list(scenery.LANGUAGES.items()))
        return Browser(
            name=f"browser-{self._number}.{self._browsers}",
            machine=machine or chance.choice(scenery.PEOPLES),
            address=f"{network}{1 + self._number % 250}",
            country=None if is_backend else country,
            accepts=accepts,
            language=None if is_backend else language,
            width=None if is_backend else chance.choice(list(scenery.SCREENS)),
            site=chance.choice(scenery.SITES),
            host=chance.choice(scenery.HOSTS),
            is_backend=is_backend,
        )
