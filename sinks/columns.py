"""The columns of `raw_events`, one line each: insert, packing, views and benchmarks all read this table.

A new column is a field of `EventRow`, a line at the end of this table, and a migration that adds it to
`raw_events` and `packed_events`. As `unpack` then returns another type of row, the migration also drops it with
the views that depend on it, creates `unpack`, `stored_events`, `events` and `events_between` again, and deletes
the views' lines from `migrations`, so that they are created again too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol

import orjson

from sinks.landing.rows import Device, EventRow

_JSONB_VERSION = b"\x01"
# Postgres counts microseconds from 2000-01-01.
_EPOCH_2000_MS = 946_684_800_000


class Lookups(Protocol):
    """The numbers that rows hold instead of names."""

    @property
    def types(self) -> Mapping[str, int]: ...

    @property
    def devices(self) -> Mapping[Device, int]: ...


# Turns the values of a field of many rows into what COPY writes.
Encode = Callable[[Iterable[Any], Lookups], Iterable[Any]]


def _unchanged(values: Iterable[Any], _lookups: Lookups) -> Iterable[Any]:
    return values


def _uuids(values: Iterable[Any], _lookups: Lookups) -> Iterable[Any]:
    return map(attrgetter("bytes"), values)


def _times(values: Iterable[Any], _lookups: Lookups) -> Iterable[Any]:
    return [None if ms is None else (ms - _EPOCH_2000_MS) * 1000 for ms in values]


def _type_numbers(values: Iterable[Any], lookups: Lookups) -> Iterable[Any]:
    return map(lookups.types.__getitem__, values)


def _device_numbers(values: Iterable[Any], lookups: Lookups) -> Iterable[Any]:
    return map(lookups.devices.__getitem__, values)


def _json(values: Iterable[Any], _lookups: Lookups) -> Iterable[Any]:
    dumps = orjson.dumps
    return [_JSONB_VERSION + dumps(value) for value in values]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `raw_events`, named as its field of `EventRow`."""

    name: str
    # Of the column in Postgres.
    type: str
    # Of what `encode` makes. Binary COPY carries no types: an int8 of microseconds has the bytes of a timestamptz,
    # bytea those of uuid and jsonb, and no Python object needs to be made in between.
    copy_type: str
    encode: Encode
    # The array of `packed_events`, and the expression of its elements; `received` is a time in milliseconds.
    packed: str
    packed_element: str
    # The columns of a type's view that show it.
    shown: Sequence[str]


COLUMNS = (
    Column("event_id", "uuid", "bytea", _uuids, "event_ids", "event_id", ("event_id", "event_uuid")),
    Column("occurred_at", "timestamptz", "int8", _times, "occurred", "occurred - received", ("occurred_at",)),
    Column("received_at", "timestamptz", "int8", _times, "received", "received", ("received_at",)),
    Column("sent_at", "timestamptz", "int8", _times, "sent", "sent - received", ("sent_at",)),
    Column("event_type", "int2", "int2", _type_numbers, "event_types", "event_type", ()),
    Column("schema_id", "int4", "int4", _unchanged, "schema_ids", "schema_id", ()),
    Column("device", "int4", "int4", _device_numbers, "devices", "device", ("browser", "system", "device", "bot")),
    Column("time_flag", "int2", "int2", _unchanged, "time_flags", "time_flag", ("time_flag",)),
    Column("user_key", "bytea", "bytea", _unchanged, "user_keys", "user_key", ("user_key",)),
    Column("session_key", "bytea", "bytea", _unchanged, "session_keys", "session_key", ("session_key",)),
    Column("ip_hash", "bytea", "bytea", _unchanged, "ip_hashes", "ip_hash", ("ip_hash",)),
    Column("page", "text", "text", _unchanged, "pages", "page", ("page",)),
    Column("event_data", "jsonb", "bytea", _json, "event_data", "event_data::text", ("event_data",)),
)
NAMES = tuple(column.name for column in COLUMNS)
COPY_TYPES = [column.copy_type for column in COLUMNS]


def encode(rows: Sequence[EventRow], lookups: Lookups) -> Iterable[Sequence[Any]]:
    """The values of rows as COPY writes them, each as its `copy_type`."""
    # Column by column, so that each one costs no Python call per row; `zip` turns rows into columns and back.
    fields = zip(*rows, strict=True)
    encoded = [column.encode(values, lookups) for column, values in zip(COLUMNS, fields, strict=True)]
    return zip(*encoded, strict=True)
