"""Who is here: visits of the last hour, from lists of people by minute, and how many are on which page. No I/O.

Visits are those of docs/definitions.md, whatever the order of events in the log. A visitor who signs in is its
user, as everywhere.
"""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from avro_schemas.live_aggregates import DIRECT, DIRECT_SOURCE, MINUTE_MS
from avro_schemas.people_now import PeopleOfMinute, Person, SignedIn, both, unpack

Listed = TypeVar("Listed", Person, SignedIn)

GAP_MINUTES = 30
_GAP_MS = GAP_MINUTES * MINUTE_MS
# The periods that are counted, in minutes.
PERIODS = (5, 30)
# Channel, source and campaign.
Origin = tuple[str | None, ...]
# Panel -> name -> people in each of the periods.
PeopleBy = Mapping[str, Mapping[str, Sequence[int]]]
# Of the time that passes, at most this share is spent on counting.
_MAX_SHARE = 0.05
_KEY_DIGITS = 12
_KEYS = 16**_KEY_DIGITS
# Behind these digits of a key: not less than any.
_LARGEST_REST = "f" * 20
# Entries of all lists: as many as twelve partitions with an hour of full ones have.
MAX_LISTED = 120_000
# Greater than all keys.
_ALL = "g"
_UNKNOWN = (None, None, None)
# Of these minutes there are lists.
SHOWN_MINUTES = 60


@dataclass(slots=True)
class Visit:
    """A visit; times in milliseconds since 1970. `release` is that of its first view, else of its first event."""

    start: int
    last: int
    release: str | None
    page: str | None = None
    country: str | None = None
    viewed: bool = False
    # Where it came from, None if not from outside.
    origin: Origin | None = None

    def viewed_first(self, country: str | None, release: str | None) -> None:
        """Say of the first view where it was."""
        if not self.viewed:
            self.viewed, self.country, self.release = True, country, release


@dataclass(frozen=True, slots=True)
class Here:
    """Who is here, by period."""

    people: Sequence[int] = (0, 0)
    visits: Sequence[int] = (0, 0)
    by: PeopleBy = field(default_factory=dict)
    # Whether there were more people than lists have room for: then the numbers are estimates, from a fair sample.
    is_sampled: bool = False


@dataclass(slots=True)
class _Partition:
    source_offset: int
    people: PeopleOfMinute


class PeopleNow:
    """The newest lists of each minute and partition, and what follows from them.

    Of many partitions only a sample is stored, of the people with the smallest keys: so memory is bounded.
    """

    def __init__(self) -> None:
        self._minutes: dict[int, dict[int, _Partition]] = {}
        # How many entries the lists have in all, and up to which key people are stored, as a number of digits.
        self._listed, self._stored_up_to = 0, _KEYS
        self._counted: tuple[int, Here] | None = None
        # Not before this (monotonic) they are counted again.
        self._rest_until = 0.0
        self._has_changed = True

    def merge(self, start: int, partition: int, source_offset: int, packed: bytes) -> None:
        """Replace the partition's lists of a minute, unless there are newer ones. Raise for other bytes."""
        partitions = self._minutes.setdefault(start // MINUTE_MS, {})
        old = partitions.get(partition)
        if old is None or source_offset >= old.source_offset:
            people = _sample(unpack(packed), self._stored_up_to)
            self._listed += _size(people) - (_size(old.people) if old else 0)
            partitions[partition] = _Partition(source_offset, people)
            self._has_changed = True
            while self._listed > MAX_LISTED:
                self._store_half()

    def _store_half(self) -> None:
        self._stored_up_to //= 2
        for partitions in self._minutes.values():
            for each in partitions.values():
                each.people = _sample(each.people, self._stored_up_to)
        self._listed = sum(_size(each.people) for each in self._all())

    def _all(self) -> Iterator[_Partition]:
        return (each for partitions in self._minutes.values() for each in partitions.values())

    def drop_before(self, start: int) -> None:
        """Drop the minutes that start earlier."""
        for expired in [minute for minute in self._minutes if minute * MINUTE_MS < start]:
            self._listed -= sum(_size(each.people) for each in self._minutes.pop(expired).values())
            self._has_changed = True
            if self._listed < MAX_LISTED // 4:
                self._stored_up_to = min(2 * self._stored_up_to, _KEYS)

    def here(self, now: int) -> Here:
        """Who is here at `now` (milliseconds since 1970). Large sites are counted less often."""
        minute = now // MINUTE_MS
        if self._counted and (
            (self._counted[0] == minute and not self._has_changed) or time.monotonic() < self._rest_until
        ):
            return self._counted[1]
        began = time.monotonic()
        found = count(_in_order(self._minutes), minute)
        self._rest_until = time.monotonic() + (time.monotonic() - began) / _MAX_SHARE
        self._counted, self._has_changed = (minute, found), False
        return found


def _size(people: PeopleOfMinute) -> int:
    return len(people.users) + len(people.visitors) + len(people.signed_in)


def _sample(people: PeopleOfMinute, stored_up_to: int) -> PeopleOfMinute:
    """Those up to a key."""
    if stored_up_to >= _KEYS:
        return people
    last = f"{stored_up_to - 1:0{_KEY_DIGITS}x}" + _LARGEST_REST
    of_users, of_visitors, of_signed_in = (min(each or _ALL, last) for each in people.up_to)
    up_to = (of_users, of_visitors, of_signed_in)
    stored = _up_to(last, people.users), _up_to(last, people.visitors), _up_to(last, people.signed_in)
    return PeopleOfMinute(*stored, up_to)


def _up_to(last: str, listed: Mapping[str, Listed]) -> dict[str, Listed]:
    return {key: each for key, each in listed.items() if key <= last}


def _in_order(minutes: Mapping[int, Mapping[int, _Partition]]) -> list[tuple[int, PeopleOfMinute]]:
    return [(minute, each.people) for minute in sorted(minutes) for each in minutes[minute].values()]


def count(minutes: Sequence[tuple[int, PeopleOfMinute]], now: int) -> Here:
    """Who is here in the minute `now`, from lists in the order of their minutes."""
    in_periods = [people for minute, people in minutes if minute > now - PERIODS[-1]]
    up_to_user, up_to_visitor = _greatest(in_periods, 0), min(_greatest(in_periods, 1), _greatest(in_periods, 2))
    weights = {True: 1 / _share(up_to_user), False: 1 / _share(up_to_visitor)}
    people, visits = [0.0, 0.0], [0.0, 0.0]
    by: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for key, is_user, did in _people(minutes):
        if key > (up_to_user if is_user else up_to_visitor):
            continue
        weight, of_person = weights[is_user], list(visits_of(did))
        for place, minutes_back in enumerate(PERIODS):
            since = (now - minutes_back + 1) * MINUTE_MS
            recent = [visit for visit in of_person if visit.last >= since]
            visits[place] += weight * len(recent)
            if recent:
                people[place] += weight
                for panel, name in _names(recent[-1], now):
                    by[panel][name][place] += weight
    return Here(
        [round(each) for each in people],
        [round(each) for each in visits],
        {
            panel: {name: [round(each) for each in counts] for name, counts in names.items()}
            for panel, names in by.items()
        },
        is_sampled=any(weight > 1 for weight in weights.values()),
    )


def visits_of(did: Mapping[int, Person]) -> Iterator[Visit]:
    """The visits of a person, from what it did by minute."""
    visit: Visit | None = None
    for minute in sorted(did):
        start, person = minute * MINUTE_MS, did[minute]
        first = start + person.first
        if visit is None or first - visit.last > _GAP_MS:
            if visit:
                yield visit
            visit = Visit(first, first, person.release)
        view = person.first_view
        for arrival in person.arrivals:
            at = start + arrival.at
            if view and view.at < arrival.at:
                visit.viewed_first(view.country, view.release)
            if visit.viewed and visit.origin != arrival.origin:
                if first < at:  # it had an event in this minute
                    visit.last = max(visit.last, first)
                yield visit
                visit = Visit(at, at, arrival.release)
            visit.viewed_first(arrival.country, arrival.release)
            visit.origin = arrival.origin
        if view:
            visit.viewed_first(view.country, view.release)
        visit.last = start + person.last
        visit.page = person.last_view.page if person.last_view else visit.page
    if visit:
        yield visit


def _people(minutes: Sequence[tuple[int, PeopleOfMinute]]) -> Iterator[tuple[str, bool, dict[int, Person]]]:
    """Key, whether it is a user, and what it did by minute, of each person that is listed."""
    sign_ins: dict[str, list[tuple[int, SignedIn]]] = defaultdict(list)
    of_users: dict[str, dict[int, Person]] = defaultdict(dict)
    of_visitors: dict[str, dict[int, Person]] = defaultdict(dict)
    for minute, (users, visitors, signed_in, _up_to) in minutes:
        for visitor, each in signed_in.items():
            sign_ins[visitor].append((minute, each))
        for key, person in visitors.items():
            _add(of_visitors[key], minute, person)
        for key, person in users.items():
            _add(of_users[key], minute, person)
    for visitor in sign_ins.keys() & of_visitors.keys():
        for minute, person, linked_user in _resolved(of_visitors.pop(visitor), sign_ins[visitor]):
            if linked_user is None:
                of_visitors[visitor][minute] = person
            elif linked_user in of_users:
                _add(of_users[linked_user], minute, person)
    for of_kind, is_user in ((of_users, True), (of_visitors, False)):
        for key, did in of_kind.items():
            yield key, is_user, did


def _add(did: dict[int, Person], minute: int, person: Person) -> None:
    did[minute] = both(did[minute], person) if minute in did else person


def _resolved(
    did: Mapping[int, Person], sign_ins: Iterable[tuple[int, SignedIn]]
) -> Iterator[tuple[int, Person, str | None]]:
    """What a visitor did without a user, each with the user that it was: of the same visit on the browser."""
    signed_in = sorted((*_span(minute, each), each.user) for minute, each in sign_ins)
    ends = _ends_of_runs([*(span[:2] for span in signed_in), *(_span(*each) for each in did.items())])
    for minute, person in did.items():
        at, _last = _span(minute, person)
        same = [span for span in signed_in if bisect_left(ends, span[0]) == bisect_left(ends, at)]
        later = [user for _first, last, user in same if last >= at]
        earlier = [user for _first, last, user in same if last < at]
        yield minute, person, later[0] if later else earlier[-1] if earlier else None


def _span(minute: int, each: Person | SignedIn) -> tuple[int, int]:
    """First and last, in milliseconds since 1970."""
    return minute * MINUTE_MS + each.first, minute * MINUTE_MS + each.last


def _ends_of_runs(spans: Iterable[tuple[int, int]]) -> list[int]:
    """When a browser was active for the last time before each gap."""
    ends: list[int] = []
    for first, last in sorted(spans):
        if ends and first - ends[-1] <= _GAP_MS:
            ends[-1] = max(ends[-1], last)
        else:
            ends.append(last)
    return ends


def _names(visit: Visit, now: int) -> Iterator[tuple[str, str]]:
    """Panel and name of what is known of a visit."""
    # A visit that was there when the hour began may have come from anywhere.
    is_direct = visit.viewed and visit.start >= (now - SHOWN_MINUTES + GAP_MINUTES + 1) * MINUTE_MS
    channel, source, campaign = visit.origin or ((DIRECT, DIRECT_SOURCE, None) if is_direct else _UNKNOWN)
    named = {
        "pages": visit.page,
        "channels": channel,
        "sources": source,
        "campaigns": campaign,
        "countries": visit.country,
        "releases": visit.release,
    }
    return ((panel, name) for panel, name in named.items() if name is not None)


def _greatest(minutes: Iterable[PeopleOfMinute], kind: int) -> str:
    """The greatest key up to which all lists of a kind are complete."""
    return min((people.up_to[kind] for people in minutes if people.up_to[kind]), default=_ALL)


def _share(up_to: str) -> float:
    """The share of all keys that are not greater."""
    return 1.0 if up_to == _ALL else (int(up_to[:_KEY_DIGITS], 16) + 1) / _KEYS
