"""Decodes records of `events` into rows and dead letters. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from avro_schemas import event_ids
from avro_schemas.schema import CUSTOM, latest, typed_events
from avro_schemas.wire.codec import Undecodable, schema_id_of
from avro_schemas.wire.event_reader import Columns, EventReader
from service_kit.kafka import Headers, KafkaRecord

_COMMON_FIELDS = (
    "event_type",
    "received_at",
    "sent_at",
    "time_flag",
    "user_key",
    "page",
    "device.browser",
    "device.system",
    "device.kind",
    "device.bot",
)
# The fields of event_data of each typed event, in the newest version of its schema.
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
TIME_FLAGS: Mapping[str, int] = {"unknown": 0, "ok": 1, "past": 2, "clamped": 3}


class Device(NamedTuple):
    """Classes of a device. `bot` says why it looks like a program; it is empty if it does not."""

    browser: str
    system: str
    kind: str
    bot: str = ""


class EventRow(NamedTuple):
    """An event as a row, before lookup tables replace its names by numbers. Times in milliseconds since 1970.

    A new field is read in `to_row`. `sinks.columns` has a line for each field, in this order.
    """

    event_id: UUID
    occurred_at: int
    received_at: int
    sent_at: int | None
    event_type: str
    schema_id: int
    device: Device
    time_flag: int
    user_key: bytes | None
    session_key: bytes | None
    ip_hash: bytes | None
    page: str | None
    event_data: dict[str, Any]


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
    event_type, received_at, sent_at, time_flag, user_key, page, browser, system, kind, bot = common
    properties = orjson.loads(own[-1])
    event_data = properties
    if schema != CUSTOM:
        event_data = as_sent(dict(zip(_DATA_FIELDS[schema], (*own[:-1], properties), strict=True)))
    return EventRow(
        event_ids.to_uuid(event_id),
        occurred_at,
        received_at,
        sent_at,
        event_type,
        schema_id_of(record.value),
        Device(browser, system, kind, bot or ""),
        TIME_FLAGS.get(time_flag, 0),
        user_key,
        session_key,
        None,
        # Most typed events have the page in event_data too; the view reads it from there, so it is stored once.
        None if event_data.get("page") == page else page,
        event_data,
    )


def as_sent(event_data: Mapping[str, Any]) -> dict[str, Any]:
    """`event_data` of a typed event without the defaults that Avro filled in for absent fields."""
    return {name: value for name, value in event_data.items() if value is not None and value != {}}


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
