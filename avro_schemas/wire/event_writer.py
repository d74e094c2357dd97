"""Events in wire format, as the collector writes them: what the events of a request share is written once.

The bytes are those of `codec.encode` for the same fields, which a contract test proves for every schema. Order and
types of the fields come from the schema; only the names of the fields that are written per event are known here.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from avro_schemas import varints
from avro_schemas.schema import CUSTOM, Schema, event_schema, latest
from avro_schemas.validation import event_data_writer

Write = Callable[[Any], bytes]
# The parts of an event in their order: those of the request are written, those of the event are still empty.
RequestParts = list[bytes]

_NULL, _PRESENT = b"\0", b"\2"
# How far to trust the time of an event.
TIME_FLAGS = ("ok", "past", "clamped")


def _head(schema: Schema) -> list[dict[str, Any]]:
    """The fields that all events have: every field but the last one, `event_data`."""
    fields: list[dict[str, Any]] = schema.wire["fields"]
    return fields[:-1]


# Written for each event. All other fields of the head belong to the request: its times, and what it shares with
# other requests of the same sender.
_TIME_FIELDS = ("sent_at", "received_at")
_ARRIVAL_FIELDS = (
    "source",
    "channel",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
)
_EVENT_FIELDS = (
    "event_id",
    "event_type",
    "occurred_at",
    "time_flag",
    "device",
    "hostname",
    "page",
    "route",
    *_ARRIVAL_FIELDS,
)
_HEAD = _head(latest()[CUSTOM])
_FIELDS = {field["name"]: field for field in _HEAD}
_SENDER_FIELDS = tuple(name for name in _FIELDS if name not in (*_EVENT_FIELDS, *_TIME_FIELDS))


def _parts() -> list[tuple[str, ...]]:
    """The names in each part of the head.

    Times of the request, neighbouring fields of the sender, and those of the arrival are together; any other field
    is by itself.
    """
    parts: list[tuple[str, ...]] = []
    for name in _FIELDS:
        groups = (_TIME_FIELDS, _SENDER_FIELDS, _ARRIVAL_FIELDS)
        together = next((group for group in groups if name in group), ())
        if parts and parts[-1][0] in together:
            parts[-1] += (name,)
        else:
            parts.append((name,))
    return parts


def _writer(kind: Any) -> Write:
    """Writes values of an Avro type. It checks nothing: the values are the collector's own."""
    match kind:
        case "null":
            return lambda _value: b""
        case "string":
            return _text
        case "int" | "long":
            return varints.long
        case "double":
            return struct.Struct("<d").pack
        case "boolean":
            return lambda value: b"\1" if value else b"\0"
        case ["null", other]:
            write = _writer(other)
            return lambda value: _NULL if value is None else _PRESENT + write(value)
        case {"type": "record", "fields": fields}:
            writers = [(field["name"], _writer(field["type"])) for field in fields]
            return lambda value: b"".join([write(value[name]) for name, write in writers])
        case {"type": str(plain)}:
            return _writer(plain)
    raise NotImplementedError(f"the head of an event cannot hold {kind!r} yet: _writer does not write it")


def _text(text: str) -> bytes:
    encoded = text.encode()
    return varints.length(len(encoded)) + encoded


_WRITERS = {name: _writer(field["type"]) for name, field in _FIELDS.items()}
_TIME_FLAGS = {flag: _text(flag) for flag in TIME_FLAGS}

# Where each part is in an event: behind the prefix, and before `event_data`.
_PLACES = {names: place for place, names in enumerate(_parts(), start=1)}
_EVENT_ID, _EVENT_TYPE, _OCCURRED_AT, _TIME_FLAG, _DEVICE, _HOSTNAME, _PAGE, _ROUTE = (
    _PLACES[(name,)] for name in _EVENT_FIELDS if name not in _ARRIVAL_FIELDS
)
_TIMES, _ARRIVAL = _PLACES[_TIME_FIELDS], _PLACES[_ARRIVAL_FIELDS]
_EVENT_DATA = len(_PLACES) + 1
_EMPTY_PARTS = [b""] * (_EVENT_DATA + 1)
_SENDER_PLACES = [(names, place) for names, place in _PLACES.items() if names[0] in _SENDER_FIELDS]
_SENDER_DEFAULTS = {name: _FIELDS[name]["default"] for name in _SENDER_FIELDS if "default" in _FIELDS[name]}
_MAX_CACHED = 10_000


def write_event(
    event_type: str,
    event_id: str,
    occurred_at: int,
    time_flag: str,
    request_parts: RequestParts,
    device: bytes,
    hostname: str | None,
    page: str | None,
    route: str | None,
    arrival: bytes,
    event_data: Any,
) -> bytes:
    """An event with its prefix; `request_parts`, `device` and `arrival` are what the functions below return.

    Raise `InvalidEventData` if `event_data` is not as the schema of the event type demands.
    """
    # Straight code: this runs for every event, and a loop over the fields would cost twice as much.
    prefix, event_type_text, write_event_data = _plan(event_type)
    parts = request_parts.copy()
    parts[0] = prefix
    parts[_EVENT_ID] = _text(event_id)
    parts[_EVENT_TYPE] = event_type_text
    parts[_OCCURRED_AT] = varints.long(occurred_at)
    parts[_TIME_FLAG] = _TIME_FLAGS[time_flag]
    parts[_DEVICE] = device
    parts[_HOSTNAME] = _NULL if hostname is None else _PRESENT + _text(hostname)
    parts[_PAGE] = _NULL if page is None else _PRESENT + _text(page)
    parts[_ROUTE] = _NULL if route is None else _PRESENT + _text(route)
    parts[_ARRIVAL] = arrival
    parts[_EVENT_DATA] = write_event_data(event_data)
    return b"".join(parts)


def write_request_parts(*, sent_at: int | None, received_at: int, **sender: Any) -> RequestParts:
    """What the events of a request share: its times, and the other fields by name; one left out has its default.

    Times in milliseconds since 1970, keys as 32 hex digits.
    """
    values = {**_SENDER_DEFAULTS, **sender}
    if len(values) != len(_SENDER_FIELDS):
        raise TypeError(f"the request fields of an event are {', '.join(_SENDER_FIELDS)}, not {', '.join(values)}")
    parts = _EMPTY_PARTS.copy()
    parts[_TIMES] = (_NULL if sent_at is None else _PRESENT + varints.long(sent_at)) + varints.long(received_at)
    for names, place in _SENDER_PLACES:
        parts[place] = _written(names, tuple([values[name] for name in names]))
    return parts


# Most requests are of a sender who sent others: what they share is written once.
@lru_cache(maxsize=_MAX_CACHED)
def _written(names: tuple[str, ...], values: tuple[Any, ...]) -> bytes:
    return b"".join([_WRITERS[name](value) for name, value in zip(names, values, strict=True)])


def write_device(browser: str, system: str, kind: str, bot: str | None) -> bytes:
    """The device of an event."""
    return _WRITERS["device"]({"browser": browser, "system": system, "kind": kind, "bot": bot})


def write_arrival(
    source: str | None,
    channel: str | None,
    utm_source: str | None = None,
    utm_medium: str | None = None,
    utm_campaign: str | None = None,
    utm_term: str | None = None,
    utm_content: str | None = None,
) -> bytes:
    """How the visitor arrived."""
    values = (source, channel, utm_source, utm_medium, utm_campaign, utm_term, utm_content)
    return b"".join([_NULL if value is None else _PRESENT + _text(value) for value in values])


# Of an event that does not tell of an arrival.
NO_ARRIVAL = write_arrival(None, None)


class _Plan(NamedTuple):
    """What is the same for all events of a type."""

    prefix: bytes
    event_type: bytes
    write_event_data: event_data_writer.Write


@lru_cache(maxsize=1_000)
def _plan(event_type: str) -> _Plan:
    schema = event_schema(event_type)
    if _head(schema) != _HEAD:
        raise RuntimeError(
            f"{schema.subject}, version {schema.version}, does not begin with the head of all events"
        )
    return _Plan(schema.prefix, _text(event_type), event_data_writer.writer_for(schema))
