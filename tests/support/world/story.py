"""What a story is made of: events, as they are sent, with what is true of them."""

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.support.world.scenery import NOTHING, Arrival, Machine

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
GAP = 30 * MINUTE


@dataclass(frozen=True, slots=True, eq=False)
class Browser:
    """A browser, a program or a backend on a machine somewhere."""

    name: str
    machine: Machine
    address: str
    country: str | None
    accepts: str
    language: str | None
    width: int | None
    site: str
    host: str
    # Backends have a key and name the user themselves; what they say of the browser is in the event.
    is_backend: bool = False


class Place(NamedTuple):
    """Who is at a browser, and whose what happens there is."""

    browser: Browser
    person: str | None
    user: str | None = None
    opted_out: bool = False


@dataclass(slots=True, eq=False)
class Event:
    """Something that somebody did, as it is sent, and what is true of it."""

    at: int
    id: str | None
    type: str
    data: dict[str, Any]
    context: dict[str, Any]
    place: Place
    # The visit that it is in; None for nobody's.
    visit: str | None
    arrival: Arrival = NOTHING
    page: str | None = None
    route: str | None = None
    hostname: str | None = None
    release: str | None = None
    # Whether the browser had its visitor cookie already.
    has_visitor: bool = True

    @property
    def made(self) -> int:
        """The time inside its id, once it has one."""
        assert self.id
        return int(self.id[4:16], 16)

    @property
    def is_program(self) -> bool:
        return self.place.browser.machine.is_program

    @property
    def sender(self) -> str | None:
        """Who the event itself says it is of: its user, else its browser."""
        if self.place.opted_out or self.is_program:
            return None
        return self.place.user or (self.place.browser.name if self.has_visitor else None)

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        sent = {
            "event_type": self.type,
            "event_data": self.data,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.at // 1000))
            + f".{self.at % 1000:03d}Z",
            "context": self.context,
        }
        return sent | ({"event_id": self.id} if self.id else {})


@dataclass(slots=True, eq=False)
class Request:
    """Events that a browser sends together; again, if it is repeated, as if nobody had answered."""

    place: Place
    events: list[Event]
    is_repeated: bool = False


@dataclass(slots=True)
class Story:
    """What is sent: of each browser in order."""

    now: int
    requests: dict[str, list[Request]] = field(default_factory=dict)
    # Who may be erased: nobody else was at their browsers.
    erasable: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[Event]:
        requests = (request for of_browser in self.requests.values() for request in of_browser)
        return [event for request in requests for event in request.events]
