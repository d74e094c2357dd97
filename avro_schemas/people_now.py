"""Who was there in a minute, as `live-aggregates` has it in the dimension `people_now`: a list in compressed JSON.

The stream app writes it, the dashboard reads it; docs/live-aggregates.md describes it for others.
"""

import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

import orjson

from avro_schemas.live_aggregates import shortened

# The dimension, and how many of each kind a partition lists for a minute: those with the smallest keys. Keys are
# hashes, so these are a fair sample of all.
PEOPLE_NOW, MAX_LISTED = "people_now", 50
# Of more arrivals of one person in one minute, the first ones and the last one.
MAX_ARRIVALS = 20
_MAX_BYTES = 4_000_000
_MAX_SHORT_BYTES = 100


class FirstView(NamedTuple):
    """When in the minute, where and in which release."""

    at: int
    country: str | None
    release: str | None


class LastView(NamedTuple):
    """When in the minute, and of which page."""

    at: int
    page: str | None


class Arrival(NamedTuple):
    """A view that came from outside: when in the minute, from where, and what a visit has of its first view."""

    at: int
    channel: str | None
    source: str | None
    campaign: str | None
    country: str | None
    release: str | None

    @property
    def origin(self) -> tuple[str | None, ...]:
        """Where it came from."""
        return self[1:4]


class Person(NamedTuple):
    """What a user or visitor did in a minute, whatever the order in which it became known.

    `first` and `last` are when the first and the last event occurred, in milliseconds of the minute; `release` is
    that of the first event. `arrivals` are in their order.
    """

    first: int
    last: int
    release: str | None
    first_view: FirstView | None = None
    last_view: LastView | None = None
    arrivals: tuple[Arrival, ...] = ()


class SignedIn(NamedTuple):
    """When in the minute the first and the last event of a visitor with a user occurred; the user of the first."""

    first: int
    last: int
    user: str


class PeopleOfMinute(NamedTuple):
    """By key: users, visitors without a user, and visitors with one.

    `up_to` has the greatest key that is listed of each, empty if all are.
    """

    users: Mapping[str, Person]
    visitors: Mapping[str, Person]
    signed_in: Mapping[str, SignedIn]
    up_to: tuple[str, str, str]


NOBODY = PeopleOfMinute({}, {}, {}, ("", "", ""))


View = TypeVar("View", FirstView, LastView)


def short(name: str | None) -> str | None:
    """A name that a list has room for."""
    return name and shortened(name, _MAX_SHORT_BYTES)


def both(one: Person, other: Person) -> Person:
    """What a person did, from two parts of it: the same whichever comes first, and however it was parted."""
    began = min(one, other, key=_in_order)
    return Person(
        began.first,
        max(one.last, other.last),
        began.release,
        _either(min, one.first_view, other.first_view),
        _either(max, one.last_view, other.last_view),
        _arrivals({*one.arrivals, *other.arrivals}) if other.arrivals else one.arrivals,
    )


def both_signed_in(one: SignedIn, other: SignedIn) -> SignedIn:
    """The same of a visitor with a user."""
    began = min(one, other, key=lambda each: (each.first, each.user))
    return SignedIn(began.first, max(one.last, other.last), began.user)


def _arrivals(arrivals: Collection[Arrival]) -> tuple[Arrival, ...]:
    ordered = sorted(arrivals, key=_in_order)
    return tuple(ordered if len(ordered) <= MAX_ARRIVALS else [*ordered[: MAX_ARRIVALS - 1], ordered[-1]])


def _either(choose: Callable[..., View], one: View | None, other: View | None) -> View | None:
    return choose(one, other, key=_in_order) if one and other else one or other


def _in_order(each: tuple[Any, ...]) -> tuple[int, list[str]]:
    """By time; of the same millisecond by what else is known, so that it does not matter which one came first."""
    return each[0], [part if isinstance(part, str) else "" for part in each[1:]]


def pack(people: PeopleOfMinute) -> bytes:
    """As bytes."""
    return zlib.compress(orjson.dumps(people._asdict(), default=tuple), 1)


def unpack(packed: bytes) -> PeopleOfMinute:
    """From bytes. Raise if they are something else."""
    unpacking = zlib.decompressobj()
    found = orjson.loads(unpacking.decompress(packed, _MAX_BYTES))
    users, visitors = (
        {key: _person(*each) for key, each in found[kind].items()} for kind in ("users", "visitors")
    )
    signed_in = {key: SignedIn(*each) for key, each in found["signed_in"].items()}
    of_users, of_visitors, of_signed_in = found["up_to"]
    return PeopleOfMinute(users, visitors, signed_in, (of_users, of_visitors, of_signed_in))


def _person(
    first: int,
    last: int,
    release: str | None,
    first_view: list[Any] | None,
    last_view: list[Any] | None,
    arrivals: list[list[Any]],
) -> Person:
    return Person(
        first,
        last,
        release,
        FirstView(*first_view) if first_view else None,
        LastView(*last_view) if last_view else None,
        tuple(Arrival(*each) for each in arrivals),
    )
