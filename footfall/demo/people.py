"""The people of the demo: each has a browser, and many were here on the days before. No I/O.

The seed, the person and the day say what somebody did on a day.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random

from footfall.demo.visitors import FEATURES, FORMER_FEATURES, FORMER_RELEASE, PROGRAMS, Event, Visitor

# Ids of clients may lie seven days back.
MAX_PAST_DAYS = 6
# People who were here before and are not now.
FORMER_PEOPLE = 60
# Every so many people are members, and programs.
_MEMBERS, _PROGRAMS = 3, 12
_SHARE_OF_DAYS = 0.3
# Of one person, as the collector takes a hundred a minute, and the demo sends now, too.
_MAX_PAST_EVENTS = 35
_FIRST_HOUR, _LAST_HOUR = 7, 22


@dataclass(frozen=True, slots=True)
class Sent:
    """What a browser sends in one request: events with the times they occurred, or now if there are none."""

    events: list[Event]
    is_signed_in: bool
    times: list[datetime] = field(default_factory=list)
    context: dict[str, str | int] = field(default_factory=dict)


class Person:
    """Somebody with a browser, who may have visited before."""

    def __init__(self, number: int, seed: int) -> None:
        self.number, self._seed = number, seed
        is_program = number % _PROGRAMS == _PROGRAMS - 1
        self.visitor = Visitor(
            number,
            Random(seed * 10_000 + number),
            user_agent=PROGRAMS[number // _PROGRAMS % len(PROGRAMS)] if is_program else "",
            is_member=number % _MEMBERS == 0,
        )
        # What the collector set, by name.
        self.cookies: dict[str, str] = {}

    def send_now(self, size: int) -> Sent:
        """The next events; a request has one sender, so those behind a sign-in go with the next one."""
        signed_in = self.visitor.is_signed_in
        events = [self.visitor.next_event()]
        while len(events) < size and self.visitor.is_signed_in == signed_in:
            events.append(self.visitor.next_event())
        return Sent(events, signed_in, context=self.visitor.context)

    def send_past(self, now: datetime, days: int) -> Iterator[Sent]:
        """The visits of the days before, and of today until half an hour ago."""
        left = _MAX_PAST_EVENTS
        for day in (now.date() - timedelta(days=back) for back in range(days, -1, -1)):
            for sent in self._visit_on(day, now):
                if len(sent.events) <= left:
                    left -= len(sent.events)
                    yield sent

    def _visit_on(self, day: date, now: datetime) -> Iterator[Sent]:
        chance = Random(f"{self._seed} {self.number} {day}")
        minute = chance.randrange(_FIRST_HOUR * 60, _LAST_HOUR * 60)
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
        if chance.random() > _SHARE_OF_DAYS or at > now - timedelta(hours=1):
            return
        is_today, own = day == now.date(), self.visitor
        context = own.context if is_today else own.context | {"release": FORMER_RELEASE}
        features = FEATURES if is_today else FORMER_FEATURES
        visitor = Visitor(
            self.number,
            chance,
            own.user_agent,
            own.is_member,
            own.is_signed_in,
            features=features,
            context=context,
        )
        events, times = list[Event](), list[datetime]()
        signed_in = visitor.is_signed_in
        while True:
            events.append(visitor.next_event())
            times.append(at)
            at += timedelta(seconds=chance.randrange(2, 90))
            if visitor.is_signed_in != signed_in or not visitor.is_visiting:
                yield Sent(events, signed_in, times, context)
                events, times, signed_in = [], [], visitor.is_signed_in
            if not visitor.is_visiting:
                own.is_signed_in = visitor.is_signed_in
                return
