"""Which browsers became which users, as the table `identities` must have it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from tests.support.world.story import Event


def of(events: list[Event]) -> list[tuple[str, str, int]]:
    """Browser, user, and when its first event with both occurred."""
    found: dict[tuple[str, str], int] = {}
    for event in events:
        place = event.place
        if place.user and event.has_visitor and event.sender:
            link = place.browser.name, place.user
            found[link] = min(event.at, found.get(link, event.at))
    return [(*link, at) for link, at in found.items()]


def shape_of(links: Iterable[tuple[Any, ...]]) -> Any:
    """The links of each browser and of each user by their times, as names are only keys in the product."""
    by = defaultdict[Any, list[int]](list)
    for browser, user, at in links:
        by["browser", browser].append(at)
        by["user", user].append(at)
    return Counter((kind, *sorted(moments)) for (kind, _name), moments in by.items())
