"""Who is there: users and visitors of each minute, with page, place, release and where they came from.

A list of a minute is bounded: it has those with the smallest keys. As keys are hashes, they are a fair sample; and
which ones they are depends on who was there alone, not on the order of the log or on how it was cut into batches.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from avro_schemas.live_aggregates import DIRECT, MAX_NAME_BYTES, shortened
from avro_schemas.people_now import (
    MAX_ARRIVALS,
    MAX_LISTED,
    PEOPLE_NOW,
    Arrival,
    PeopleOfMinute,
    Person,
    pack,
    short,
    unpack,
)
from avro_schemas.wire.projection import Group
from stream_app.state.minute_ring import MinuteRing
from stream_app.state.top_names import Counts

# User and visitor of an event; without both it is nobody's.
Keys = tuple[bytes | None, bytes | None]


# Keys, common columns and own columns of a view.
View = tuple[Keys, Group, tuple[Group, ...]]


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

    def add(self, minute: int, people: Mapping[Keys, Group], views: Iterable[View]) -> None:
        """Add people with the common columns of their first event, and views; both in the order of the log."""
        if not self.reach(minute) or not any(user or visitor for user, visitor in people):
            return
        users, visitors, signed_in = self.changed(minute).lists
        for (user, visitor), common in people.items():
            if user:
                self._add_person(users, user, common)
                if visitor and signed_in.has_room_for(key := _text(visitor)):
                    signed_in.by_key.setdefault(key, _text(user))
            elif visitor:
                self._add_person(visitors, visitor, common)
        for each in (users, visitors, signed_in):
            each.cut()
        for (user, visitor), common, own in views:
            listed = users.by_key if user else visitors.by_key
            key = _text(user or visitor or b"")
            if key in listed:
                listed[key] = _after(listed[key], self._release(common), *self._of_view(own))

    def _add_person(self, listed: _Listed, key: bytes, common: Group) -> None:
        text = _text(key)
        if listed.has_room_for(text) and text not in listed.by_key:
            listed.by_key[text] = Person(None, None, short(self._release(common)), viewed=False, arrivals=())

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


def _after(
    person: Person,
    release: str | None,
    page: str | None,
    country: str | None,
    channel: str | None,
    source: str | None,
    campaign: str | None,
) -> Person:
    """What is known of a person after a view."""
    _page, first_country, first_release, viewed, arrivals = person
    if not viewed and not arrivals:
        first_country, first_release = short(country), short(release)
    page = page and shortened(page, MAX_NAME_BYTES)
    if channel in (None, DIRECT):
        return Person(page, first_country, first_release, viewed or not arrivals, arrivals)
    arrival = (short(channel), short(source), short(campaign))
    return Person(page, first_country, first_release, viewed, _with(arrivals, arrival))


def _with(arrivals: tuple[Arrival, ...], arrival: Arrival) -> tuple[Arrival, ...]:
    """Those from somewhere else than the one before, in their order."""
    if arrivals and arrivals[-1] == arrival:
        return arrivals
    return (*arrivals[: MAX_ARRIVALS - 1], arrival)


def _text(key: bytes) -> str:
    return key.decode(errors="replace")
