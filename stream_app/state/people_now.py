"""Who is there: users and visitors of each minute, with page, place, release and where they came from.

A list of a minute is bounded: it has those with the smallest keys. As keys are hashes, they are a fair sample. Who
is listed and what is known of them depends on when their events occurred, not on the order of the log, which is
another one where events were sent again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from avro_schemas.live_aggregates import DIRECT, MAX_NAME_BYTES, MINUTE_MS, shortened
from avro_schemas.people_now import (
    MAX_LISTED,
    PEOPLE_NOW,
    Arrival,
    FirstView,
    LastView,
    PeopleOfMinute,
    Person,
    SignedIn,
    both,
    both_signed_in,
    pack,
    short,
    unpack,
)
from avro_schemas.wire.projection import Group
from stream_app.state.minute_ring import MinuteRing
from stream_app.state.top_names import Counts

# User and visitor of an event; without both it is nobody's.
Keys = tuple[bytes | None, bytes | None]
# When an event occurred, whose it was, and its common columns.
Did = tuple[int, Keys, Group]
# The same of a view, and its own columns.
View = tuple[int, Keys, Group, tuple[Group, ...]]
_KEYS, _MOMENT = itemgetter(1), itemgetter(0)


class _Listed:
    """Those with the smallest keys, and the greatest of them if there were more."""

    __slots__ = ("by_key", "up_to")

    def __init__(self, by_key: Mapping[str, Any], up_to: str) -> None:
        self.by_key, self.up_to = dict(by_key), up_to

    def has_room_for(self, key: str) -> bool:
        return not self.up_to or key <= self.up_to

    def cut(self) -> None:
        if len(self.by_key) > MAX_LISTED:
            listed = sorted(self.by_key)[:MAX_LISTED]
            self.by_key, self.up_to = {key: self.by_key[key] for key in listed}, listed[-1]


class _Minute:
    """The lists of a minute; only bytes while nothing is added, as an hour of them would take much memory."""

    __slots__ = ("_lists", "_packed")

    def __init__(self, packed: bytes | None = None) -> None:
        self._packed = packed
        self._lists: tuple[_Listed, _Listed, _Listed] | None = None
        if packed is None:
            self._lists = (_Listed({}, ""), _Listed({}, ""), _Listed({}, ""))

    @property
    def lists(self) -> tuple[_Listed, _Listed, _Listed]:
        """Users, visitors and those who signed in, which the caller changes."""
        if self._lists is None:
            users, visitors, signed_in, up_to = unpack(self._packed or b"")
            self._lists = tuple(map(_Listed, (users, visitors, signed_in), up_to))  # type: ignore[assignment]
        self._packed = None
        assert self._lists is not None
        return self._lists

    def packed(self) -> bytes:
        """As bytes."""
        if self._packed is None:
            users, visitors, signed_in = self._lists or self.lists
            up_to = (users.up_to, visitors.up_to, signed_in.up_to)
            of_users, of_visitors, of_signed_in = (
                dict(sorted(each.by_key.items())) for each in (users, visitors, signed_in)
            )
            self._packed = pack(PeopleOfMinute(of_users, of_visitors, of_signed_in, up_to))
        return self._packed

    def close(self) -> None:
        """Keep no more than the bytes."""
        self.packed()
        self._lists = None


class PeopleNow(MinuteRing[_Minute]):
    """The people of each minute in one partition."""

    def __init__(
        self,
        release: Callable[[Group], str | None],
        of_view: Callable[[tuple[Group, ...]], Sequence[str | None]],
    ) -> None:
        super().__init__(PEOPLE_NOW)
        self._release, self._of_view = release, of_view

    def add(self, minute: int, did: list[Did], views: Iterable[View]) -> None:
        """Add what people did in a minute, and what they viewed."""
        if not self.reach(minute) or not any(user or visitor for _moment, (user, visitor), _common in did):
            return
        users, visitors, signed_in = self.changed(minute).lists
        did.sort(key=_MOMENT)
        # First and last event of each, without a loop in Python.
        last = dict(zip(map(_KEYS, did), map(_MOMENT, did), strict=True))
        first = dict(zip(map(_KEYS, reversed(did)), reversed(did), strict=True))
        start = minute * MINUTE_MS
        for keys, (moment, (user, visitor), common) in first.items():
            began, ended = moment - start, last[keys] - start
            if user:
                self._add_person(users, user, began, ended, common)
                if visitor and signed_in.has_room_for(key := _text(visitor)):
                    _add(signed_in, key, SignedIn(began, ended, _text(user)), both_signed_in)
            elif visitor:
                self._add_person(visitors, visitor, began, ended, common)
        for each in (users, visitors, signed_in):
            each.cut()
        for moment, (user, visitor), common, own in views:
            listed = users.by_key if user else visitors.by_key
            key = _text(user or visitor or b"")
            if key in listed:
                listed[key] = _after(listed[key], moment - start, self._release(common), *self._of_view(own))

    def _add_person(self, listed: _Listed, key: bytes, first: int, last: int, common: Group) -> None:
        text = _text(key)
        if listed.has_room_for(text):
            _add(listed, text, Person(first, last, short(self._release(common))), both)

    def _new(self) -> _Minute:
        return _Minute()

    def _pack(self, value: _Minute) -> bytes:
        return value.packed()

    def _unpack(self, packed: bytes) -> _Minute:
        return _Minute(packed)

    def _counts(self, value: _Minute) -> Counts:
        return {}

    def _settle(self, value: _Minute) -> None:
        value.close()


def _add(listed: _Listed, key: str, new: Any, both_of: Callable[[Any, Any], Any]) -> None:
    known = listed.by_key.get(key)
    listed.by_key[key] = new if known is None else both_of(known, new)


def _after(
    person: Person,
    at: int,
    release: str | None,
    page: str | None,
    country: str | None,
    channel: str | None,
    source: str | None,
    campaign: str | None,
) -> Person:
    """What is known of a person with one more view, in whatever order views come."""
    page = page and shortened(page, MAX_NAME_BYTES)
    first, last, its_release, first_view, last_view, arrivals = person
    is_outside = channel not in (None, DIRECT)
    if not is_outside and first_view and last_view and first_view.at < at != last_view.at:  # most views
        newer = LastView(at, page) if at > last_view.at else last_view
        return Person(first, last, its_release, first_view, newer, arrivals)
    country, release = short(country), short(release)
    arrival = Arrival(at, short(channel), short(source), short(campaign), country, release)
    view = FirstView(at, country, release), LastView(at, page), (arrival,) if is_outside else ()
    return both(person, Person(first, last, its_release, *view))


def _text(key: bytes) -> str:
    return key.decode(errors="replace")
