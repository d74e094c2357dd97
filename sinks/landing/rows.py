"""Decodes records of `events` into rows and dead letters. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from avro_schemas import event_ids
from avro_schemas.schema import CUSTOM, latest, typed_events
from avro_schemas.wire.codec import Undecodable, schema_id_of
from avro_schemas.wire.event_reader import Columns, EventReader
from service_kit.kafka import Headers, KafkaRecord

TIME_FLAGS: Mapping[str, int] = {"unknown": 0, "ok": 1, "past": 2, "clamped": 3}
_EMPTY_OBJECT = b"{}"
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

    `event_data` is the text of a JSON object. `sinks.columns` has a line for each field, in this order.
    """

    event_id: UUID
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


_COMMON_FIELDS = (
    "event_type",
    "received_at",
    "sent_at",
    "time_flag",
    "user_key",
    "visitor_key",
    "page",
    "route",
    "device.browser",
    "device.system",
    "device.kind",
    "device.bot",
    *EventRow._fields[EventRow._fields.index("site") :],
)
# The fields of event_data of each typed event, in the newest version of its schema; the last one is `properties`.
_DATA_FIELDS = {
    name: [field["name"] for field in latest()[name].definition["fields"][-1]["type"]["fields"]]
    for name in typed_events()
}
_READER = EventReader(
    Columns(
        _COMMON_FIELDS,
        {
            CUSTOM: ["event_data.properties"],
            **{name: [f"event_data.{own}" for own in fields] for name, fields in _DATA_FIELDS.items()},
        },
    )
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot land, byte for byte, and why."""

    partition: int
    offset: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()
    sqlstate: str | None = None


@dataclass(slots=True)
class OffsetRange:
    """Offsets of a partition from `start` up to, not including, `next`, and what became of their records."""

    start: int
    next: int
    rows: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    erased: int = 0


# A row with its partition, and with the record that it becomes a dead letter of if the store rejects it.
LocatedRow = tuple[int, KafkaRecord, EventRow]


@dataclass(slots=True)
class Batch:
    """Rows and dead letters of some partitions, and the range of offsets that they cover in each."""

    rows: list[LocatedRow] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    ranges: dict[int, OffsetRange] = field(default_factory=dict)
    bytes: int = 0
    # Append times of its records, in milliseconds since 1970.
    oldest: int = 0
    newest: int = 0


def decode_batch(fetched: Mapping[int, Sequence[KafkaRecord]], starts: Mapping[int, int]) -> Batch:
    """Decode fetched records, at least one per partition; `starts` are the offsets that were fetched from.

    A range begins there and not at its first record: offsets that hold no record, such as transaction markers, are
    covered too, else the next offset of the store would never equal the start of a batch.
    """
    batch = decode_records((partition, record) for partition, records in fetched.items() for record in records)
    for partition, covered in batch.ranges.items():
        covered.start = starts[partition]
    times = [record.timestamp for records in fetched.values() for record in (records[0], records[-1])]
    batch.oldest, batch.newest = min(times), max(times)
    batch.bytes = sum(len(record.value or b"") for records in fetched.values() for record in records)
    return batch


def decode_records(located: Iterable[tuple[int, KafkaRecord]]) -> Batch:
    """Decode records with their partitions. Of several events with one id, the first becomes a row."""
    batch, seen = Batch(), set[UUID]()
    for partition, record in located:
        covered = batch.ranges.get(partition)
        if covered is None:
            covered = batch.ranges[partition] = OffsetRange(record.offset, record.offset)
        covered.next = record.offset + 1
        try:
            row = to_row(record)
        except Undecodable as error:
            batch.dead_letters.append(dead_letter(partition, record, error.reason, str(error)))
            continue
        if row.event_id in seen:
            covered.duplicates += 1
        else:
            seen.add(row.event_id)
            batch.rows.append((partition, record, row))
    return batch


def to_row(record: KafkaRecord) -> EventRow:
    """The row of a record. Raise `Undecodable` if it is not an event."""
    schema, event_id, occurred_at, session_key, common, own = _READER.read(record.value, record.timestamp)
    event_type, received_at, sent_at, time_flag, user_key, visitor_key, page, route = common[:8]
    browser, system, kind, bot = common[8:12]
    if schema == CUSTOM:
        page_in_data, event_data = None, _json_object(own[0])
    else:
        page_in_data, event_data = _typed_event_data(_DATA_FIELDS[schema], own)
    return EventRow(
        event_ids.to_uuid(event_id),
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
    if properties != _EMPTY_OBJECT:
        event_data["properties"] = orjson.Fragment(_nested_object(properties))
    return event_data.get("page"), orjson.dumps(event_data)


def _json_object(text: bytes) -> bytes:
    """The text, which is a JSON object or no JSON at all: Postgres will parse it, and reject the latter."""
    if text[:1] != b"{" and text.lstrip(b" \t\r\n")[:1] != b"{":
        raise Undecodable("body_undecodable", "event_data.properties is not a JSON object")
    return text


def _nested_object(text: bytes) -> bytes:
    """The same for an object inside another one, which the text must not end early: `{}, "page": 7`.

    An object with a single closing brace, at its end, cannot do so. Others are parsed.
    """
    if text.count(b"}") > 1 or text[-1:] != b"}":
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Undecodable("body_undecodable", f"event_data.properties is not JSON: {error}") from error
    return _json_object(text)


def dead_letter(
    partition: int, record: KafkaRecord, reason: str, detail: str, sqlstate: str | None = None
) -> DeadLetter:
    """The dead letter of a record."""
    return DeadLetter(
        partition,
        record.offset,
        reason,
        detail[:500],
        record.key,
        record.value,
        record.timestamp,
        tuple(record.headers),
        sqlstate,
    )
