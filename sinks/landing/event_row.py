"""An event as a row: what is stored of a record of `events`. No I/O."""

from binascii import unhexlify
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from avro_schemas.schema import CUSTOM, latest, typed_events
from avro_schemas.wire.codec import Undecodable, schema_id_of
from avro_schemas.wire.event_reader import Columns, EventReader
from service_kit.kafka.record import KafkaRecord

TIME_FLAGS: Mapping[str, int] = {"unknown": 0, "ok": 1, "past": 2, "clamped": 3}
_EMPTY_OBJECT = b"{}"
_INT64 = -(2**63), 2**63 - 1
# The collector cuts them off earlier; an index of Postgres cannot hold much more.
_MAX_DEVICE_NAME_LENGTH = 100


class Device(NamedTuple):
    """Classes of a device. `bot` says why it looks like a program; it is empty if it does not."""

    browser: str
    system: str
    kind: str
    bot: str = ""


class EventRow(NamedTuple):
    """An event as a row, before lookup tables replace its names by numbers. Times in milliseconds since 1970.

    `event_id` has the 16 bytes of the UUID, `event_data` is the text of a JSON object. `sinks.columns` has a line
    for each field, in this order.
    """

    event_id: bytes
    occurred_at: int
    received_at: int
    sent_at: int | None
    event_type: str
    time_flag: int
    schema_id: int
    device: Device
    user_key: bytes | None
    visitor_key: bytes | None
    session_key: bytes | None
    page: str | None
    route: str | None
    event_data: bytes
    # From here on: fields of the head as they are. A new one is added at the end.
    site: str
    country: str | None
    region: str | None
    language: str | None
    screen: str | None
    release: str | None
    hostname: str | None
    source: str | None
    channel: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None


# Of the head, by dotted name.
PLAIN_FIELDS = EventRow._fields[EventRow._fields.index("site") :]
DEVICE_FIELDS = tuple(f"device.{name}" for name in Device._fields)
_COMMON_FIELDS = (
    "event_type",
    "received_at",
    "sent_at",
    "time_flag",
    "user_key",
    "visitor_key",
    "page",
    "route",
    *DEVICE_FIELDS,
    *PLAIN_FIELDS,
)
# The fields of event_data of each typed event, in the newest version of its schema; the last one is `properties`.
DATA_FIELDS = {
    name: [field["name"] for field in latest()[name].definition["fields"][-1]["type"]["fields"]]
    for name in typed_events()
}
_READER = EventReader(
    Columns(
        _COMMON_FIELDS,
        {
            CUSTOM: ["event_data.properties"],
            **{name: [f"event_data.{own}" for own in fields] for name, fields in DATA_FIELDS.items()},
        },
    )
)


def to_row(record: KafkaRecord) -> EventRow:
    """The row of a record. Raise `Undecodable` if it is not an event."""
    schema, event_id, occurred_at, session_key, common, own = _READER.read(record.value, record.timestamp)
    event_type, received_at, sent_at, time_flag, user_key, visitor_key, page, route = common[:8]
    browser, system, kind, bot = common[8:12]
    if schema == CUSTOM:
        page_in_data, event_data = None, json_object(own[0])
    else:
        page_in_data, event_data = _typed_event_data(DATA_FIELDS[schema], own)
    return EventRow(
        unhexlify(event_id[4:]),
        occurred_at,
        received_at,
        sent_at,
        event_type,
        TIME_FLAGS.get(time_flag, 0),
        schema_id_of(record.value),
        _device(browser, system, kind, bot),
        user_key,
        visitor_key,
        session_key,
        # Most typed events have the page in event_data too; the views read it from there, so it is stored once.
        None if page == page_in_data else page,
        # Most routes are their path.
        "" if route and route == page else route or None,
        event_data,
        *common[12:],
    )


@lru_cache(maxsize=10_000)
def _device(browser: str, system: str, kind: str, bot: str | None) -> Device:
    device = Device(browser, system, kind, bot or "")
    # Devices are written before their rows, so no single row could be rejected for them.
    if any("\0" in name or len(name) > _MAX_DEVICE_NAME_LENGTH for name in device):
        raise Undecodable("body_undecodable", "a name of the device contains NUL or is too long")
    return device


def _typed_event_data(names: Sequence[str], own: Sequence[Any]) -> tuple[str | None, bytes]:
    """Page and `event_data` of a typed event, without the defaults that Avro filled in for absent fields."""
    properties = own[-1]
    event_data = {name: value for name, value in zip(names, own[:-1], strict=False) if value is not None}
    if any(type(value) is int and not _INT64[0] <= value <= _INT64[1] for value in event_data.values()):
        # Nobody could read the view of the type any more, which shows it as a bigint.
        raise Undecodable("body_undecodable", "a number has more than 64 bits")
    if properties != _EMPTY_OBJECT:
        event_data["properties"] = orjson.Fragment(nested_object(properties))
    return event_data.get("page"), orjson.dumps(event_data)


def json_object(text: bytes) -> bytes:
    """The text, which is a JSON object or no JSON at all: Postgres will parse it, and reject the latter."""
    if text[:1] != b"{" and text.lstrip(b" \t\r\n")[:1] != b"{":
        raise Undecodable("body_undecodable", "event_data.properties is not a JSON object")
    return text


def nested_object(text: bytes) -> bytes:
    """The same for an object inside another one, which the text must not end early: `{}, "page": 7`.

    An object with a single closing brace, at its end, cannot do so. Others are parsed.
    """
    if text.count(b"}") > 1 or text[-1:] != b"}":
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Undecodable("body_undecodable", f"event_data.properties is not JSON: {error}") from error
    return json_object(text)
