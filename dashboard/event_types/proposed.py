"""Proposed event types, out of Postgres: the one that has them all, whoever accepted them."""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from avro_schemas import custom_events_file
from avro_schemas.event_types import contract_spelling, did_you_mean
from avro_schemas.live_aggregates import OTHER
from dashboard.sql import queries

MAX_LISTED = 200
# What is read of events: a few of each type, of the first ones listed, and not for longer than this.
MAX_DETAILED = 50
MAX_SECONDS = 5.0
MAX_EVENTS, MAX_PROPERTIES = 100, 30

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Property:
    """A property: the JSON types of its values, most frequent first, and the share of events that have it."""

    name: str
    types: Sequence[str]
    share: float


@dataclass(frozen=True, slots=True)
class Example:
    """An event as it is stored."""

    event_id: str
    received_at: datetime
    page: str | None
    event_data: Json


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposed event type. First and last are the hours of its events. Of some, no events were read."""

    event_type: str
    events: int
    first_hour: datetime
    last_hour: datetime
    properties: Sequence[Property] = field(default_factory=tuple)
    example: Example | None = None

    @property
    def suggestion(self) -> str | None:
        """The type of the catalogue that may be meant."""
        return did_you_mean(self.event_type)

    @property
    def spelling(self) -> str:
        """How its name could be in the catalogue."""
        return contract_spelling(self.event_type)

    @property
    def can_be_accepted(self) -> bool:
        """Whether the catalogue can have its name."""
        return custom_events_file.is_name(self.event_type)

    def as_json(self) -> Json:
        """For programs. Times are ISO 8601."""
        made = asdict(self)
        made["first_hour"], made["last_hour"] = self.first_hour.isoformat(), self.last_hour.isoformat()
        if self.example:
            made["example"]["received_at"] = self.example.received_at.isoformat()
        else:
            del made["example"]
        return made | {"did_you_mean": self.suggestion, "can_be_accepted": self.can_be_accepted}


@dataclass(frozen=True, slots=True)
class Listing:
    """Proposed event types, most events first, and the events of names that Postgres does not know."""

    proposed: Sequence[Proposed]
    # Whether there are more than are listed.
    is_cut: bool = False
    other_events: int = 0


async def has_landed(connection: psycopg.AsyncConnection, event_type: str) -> bool:
    """Whether there was ever an event of this type."""
    cursor = await connection.execute(queries["event_type_landed"], {"event_type": event_type})
    return await cursor.fetchone() == (True,)


async def find_proposed(
    connection: psycopg.AsyncConnection, known: Collection[str], since: datetime, max_seconds: float = MAX_SECONDS
) -> Listing:
    """The event types with events since then that are not among the known names. Details take `max_seconds`."""
    params = {"since": since, "known": list(known), "max_rows": MAX_LISTED + 2}
    rows = await (await connection.execute(queries["proposed_event_types"], params)).fetchall()
    others = sum(events for name, events, _first, _last in rows if name == OTHER)
    found = [Proposed(*row) for row in rows if row[0] != OTHER]
    listed = found[:MAX_LISTED]
    details = _Details(connection, time.monotonic() + max_seconds)
    examples = await details.examples(listed[:MAX_DETAILED])
    properties = await details.properties(listed[:MAX_DETAILED])
    return Listing(
        [
            Proposed(
                each.event_type,
                each.events,
                each.first_hour,
                each.last_hour,
                properties.get(each.event_type, ()),
                examples.get(each.event_type),
            )
            for each in listed
        ],
        len(found) > MAX_LISTED,
        others,
    )


class _Details:
    """Reads events, one hour at a time, as only the hours are known: `events_between` reads no others."""

    def __init__(self, connection: psycopg.AsyncConnection, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    async def examples(self, listed: Sequence[Proposed]) -> dict[str, Example]:
        rows = await self._read("first_events", _by_hour((each.first_hour, each.event_type) for each in listed))
        return {name: Example(*example) for name, *example in rows}

    async def properties(self, listed: Sequence[Proposed]) -> dict[str, list[Property]]:
        rows = await self._read("properties", _by_hour((each.last_hour, each.event_type) for each in listed))
        counts: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        for event_type, read, name, kind, events in rows:
            if name is not None:
                counts[event_type][name][kind] = events / read
        return {
            event_type: [
                Property(name, list(kinds), round(sum(kinds.values()), 2)) for name, kinds in by_name.items()
            ]
            for event_type, by_name in counts.items()
        }

    async def _read(self, query: str, names_by_hour: Mapping[datetime, Sequence[str]]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for hour, names in sorted(names_by_hour.items(), reverse=True):
            if time.monotonic() > self._deadline:
                break
            params = {"hour": hour, "names": names, "max_events": MAX_EVENTS, "max_properties": MAX_PROPERTIES}
            rows += await (await self._connection.execute(queries[query], params)).fetchall()
        return rows


def _by_hour(pairs: Any) -> dict[datetime, list[str]]:
    by_hour: dict[datetime, list[str]] = defaultdict(list)
    for hour, name in pairs:
        by_hour[hour].append(name)
    return by_hour
