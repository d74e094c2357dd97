"""Who was there in a minute, as `live-aggregates` has it in the dimension `people_now`: a list in compressed JSON.

The stream app writes it, the dashboard reads it; docs/live-aggregates.md describes it for others.
"""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from avro_schemas.live_aggregates import shortened

# The dimension, and how many of each kind a partition lists for a minute: those with the smallest keys. Keys are
# hashes, so these are a fair sample of all.
PEOPLE_NOW, MAX_LISTED = "people_now", 50
# Beyond that many arrivals of one person in one minute, the last one stands for those after it.
MAX_ARRIVALS = 20
_MAX_BYTES = 4_000_000
_MAX_SHORT_BYTES = 100

# Channel, source and campaign.
Arrival = tuple[str | None, ...]


class Person(NamedTuple):
    """What a user or visitor did in a minute.

    `page` is that of the last view; `country` and `release` those of the first view, or without a view the release
    of the first event. `viewed` is whether a view came before the first arrival from outside.
    """

    page: str | None
    country: str | None
    release: str | None
    viewed: bool
    arrivals: tuple[Arrival, ...]


class PeopleOfMinute(NamedTuple):
    """By key: users, visitors without a user, and the user of visitors with one.

    `up_to` has the greatest key that is listed of each, empty if all are.
    """

    users: Mapping[str, Person]
    visitors: Mapping[str, Person]
    signed_in: Mapping[str, str]
    up_to: tuple[str, str, str]


NOBODY = PeopleOfMinute({}, {}, {}, ("", "", ""))


def short(name: str | None) -> str | None:
    """A name that a list has room for."""
    return name and shortened(name, _MAX_SHORT_BYTES)


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
    of_users, of_visitors, of_signed_in = found["up_to"]
    return PeopleOfMinute(users, visitors, found["signed_in"], (of_users, of_visitors, of_signed_in))


def _person(
    page: str | None, country: str | None, release: str | None, viewed: bool, arrivals: list[list[str | None]]
) -> Person:
    return Person(page, country, release, viewed, tuple(tuple(each) for each in arrivals))
