"""The columns of `raw_events`, one line each: inserts, packing, views and benchmarks all read this table.

A new column is a field of `EventRow`, a line in `COLUMNS`, and a migration that adds it to `raw_events` and
`packed_events`. Everything else in Postgres is generated from this table.

Most columns of the head are plain text. A column that is null takes no space, and texts that repeat pack to almost
nothing. Numbers of a lookup table would save 39 bytes per hot row (4 for country and screen, 6 for language,
29 for hostname and release), but senders choose most of these texts, and could fill such a table without limit.
Instead, texts that another column has, or that nearly all rows share, are not stored: `site`, `route`, `page`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from sinks.landing.event_row import Device, EventRow

_DEFAULT_SITE = "default"
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


def _times(values: Iterable[Any], _lookups: Lookups) -> Iterable[Any]:
    return [None if ms is None else (ms - _EPOCH_2000_MS) * 1000 for ms in values]


def _type_numbers(values: Iterable[Any], lookups: Lookups) -> Iterable[Any]:
    return map(lookups.types.__getitem__, values)


def _device_numbers(values: Iterable[Any], lookups: Lookups) -> Iterable[Any]:
    return map(lookups.devices.__getitem__, values)


def _sites(values: Iterable[Any], _lookups: Lookups) -> Iterable[Any]:
    return [None if site == _DEFAULT_SITE else site for site in values]


def _json(values: Iterable[Any], _lookups: Lookups) -> Iterable[Any]:
    return map(_JSONB_VERSION.__add__, values)


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
    # The array of `packed_events`, the expression of its elements, and the one that gives the value back. In both
    # `received_at` is a time in milliseconds.
    packed: str
    packed_element: str
    unpacked: str
    # The columns of the views that show it, and their expressions over a row `stored` and its lookup tables.
    shown: Mapping[str, str]
    # Its comment, where that is not the one of the field in the contract.
    comment: str | None = None


def _column(
    name: str,
    type_: str,
    packed: str,
    *,
    encode: Encode = _unchanged,
    copy_type: str | None = None,
    element: str | None = None,
    unpacked: str | None = None,
    shown: Mapping[str, str] | None = None,
    comment: str | None = None,
) -> Column:
    return Column(
        name,
        type_,
        copy_type or type_,
        encode,
        packed,
        element or name,
        unpacked or name,
        MappingProxyType({name: f"stored.{name}"} if shown is None else shown),
        comment,
    )


def plain_column(name: str, packed: str) -> Column:
    """A text that is stored and shown as it is."""
    return _column(name, "text", packed)


def _time(name: str, packed: str) -> Column:
    """Packed as milliseconds after the time of receipt: small numbers compress better."""
    element, unpacked = f"{name} - received_at", f"moment_of(received_at + {name})"
    return _column(
        name, "timestamptz", packed, encode=_times, copy_type="int8", element=element, unpacked=unpacked
    )


def _key(name: str, packed: str) -> Column:
    return _column(name, "bytea", packed, shown={name: f"encode(stored.{name}, 'hex')"})


# In this order in Postgres: those of a fixed size first, so that nothing is lost to alignment.
COLUMNS = (
    _column(
        "event_id",
        "uuid",
        "event_ids",
        copy_type="bytea",
        shown={"event_id": "'evt_' || replace(stored.event_id::text, '-', '')", "event_uuid": "stored.event_id"},
        comment="The UUIDv7 inside the id of the event; the UTC day of its time is the partition.",
    ),
    _time("occurred_at", "occurred"),
    _column(
        "received_at",
        "timestamptz",
        "received",
        encode=_times,
        copy_type="int8",
        unpacked="moment_of(received_at)",
    ),
    _time("sent_at", "sent"),
    _column(
        "event_type",
        "int2",
        "event_types",
        encode=_type_numbers,
        shown={"event_type": "types.name"},
        comment="Number of the type in event_types.",
    ),
    _column(
        "time_flag",
        "int2",
        "time_flags",
        shown={"time_flag": "(array['unknown', 'ok', 'past', 'clamped'])[stored.time_flag + 1]"},
        comment="How far to trust occurred_at: 0 unknown, 1 ok, 2 past, 3 clamped.",
    ),
    _column("schema_id", "int4", "schema_ids", comment="Id of the schema that it was published with."),
    _column(
        "device",
        "int4",
        "devices",
        encode=_device_numbers,
        shown={
            "browser": "devices.browser",
            "system": "devices.system",
            "device": "devices.kind",
            "bot": "nullif(devices.bot, '')",
        },
        comment="Number of the device in devices.",
    ),
    _key("user_key", "user_keys"),
    _key("visitor_key", "visitor_keys"),
    _key("session_key", "session_keys"),
    _column(
        "page",
        "text",
        "pages",
        shown={"page": "coalesce(stored.page, stored.event_data ->> 'page')"},
        comment="Path of the page; null if event_data holds it as page.",
    ),
    _column(
        "route",
        "text",
        "routes",
        shown={
            "route": "case stored.route when '' then coalesce(stored.page, stored.event_data ->> 'page')"
            " else stored.route end"
        },
        comment="Template of the page's path, such as /products/:id; empty if it is the path itself.",
    ),
    # Arrays of text compress better than arrays of jsonb.
    _column(
        "event_data",
        "jsonb",
        "event_data",
        encode=_json,
        copy_type="bytea",
        element="event_data::text",
        unpacked="event_data::jsonb",
        comment="What the sender sent as event_data; properties of typed events are an object inside it.",
    ),
    # From here on: plain texts. A new column is added at the end.
    _column(
        "site",
        "text",
        "sites",
        encode=_sites,
        shown={"site": "coalesce(stored.site, 'default')"},
        comment="Which of the sites of this installation it happened on; null for the site default.",
    ),
    plain_column("country", "countries"),
    plain_column("region", "regions"),
    plain_column("language", "languages"),
    plain_column("screen", "screens"),
    plain_column("release", "releases"),
    plain_column("hostname", "hostnames"),
    plain_column("source", "sources"),
    plain_column("channel", "channels"),
    plain_column("utm_source", "utm_sources"),
    plain_column("utm_medium", "utm_mediums"),
    plain_column("utm_campaign", "utm_campaigns"),
    plain_column("utm_term", "utm_terms"),
    plain_column("utm_content", "utm_contents"),
)
NAMES = tuple(column.name for column in COLUMNS)
# A hot row also has the partition that it came from, while the stream app counts copies of it by itself.
HOT_NAMES = (*NAMES, "counted_in")
COPY_TYPES = [*(column.copy_type for column in COLUMNS), "int2"]


def encode(
    rows: Sequence[EventRow], lookups: Lookups, counted_in: Sequence[int | None]
) -> Iterable[Sequence[Any]]:
    """The values of hot rows as COPY writes them, each as its `copy_type`."""
    # Column by column, so that each one costs no Python call per row; `zip` turns rows into columns and back.
    fields = zip(*rows, strict=True)
    encoded = [column.encode(values, lookups) for column, values in zip(COLUMNS, fields, strict=True)]
    return zip(*encoded, counted_in, strict=True)
