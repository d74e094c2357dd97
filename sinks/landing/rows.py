"""From records of `events` to rows: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from avro_schemas import event_ids
from avro_schemas.schema import CUSTOM, latest, typed_events
from avro_schemas.wire.codec import Undecodable, schema_id_of
from avro_schemas.wire.event_reader import Columns, EventReader
from service_kit.kafka import Headers, KafkaRecord

_COMMON = (
    "event_type",
    "received_at",
    "sent_at",
    "time_flag",
    "user_key",
    "ip_hash",
    "page",
    "device.browser",
    "device.system",
    "device.kind",
    "device.bot",
)
# The fields of event_data of each typed event, in the newest version of its schema.
_OWN = {
    name: [field["name"] for field in latest()[name].definition["fields"][-1]["type"]["fields"]]
    for name in typed_events()
}
_READER = EventReader(
    Columns(
        _COMMON,
        {
            CUSTOM: ["event_data"],
            **{name: [f"event_data.{own}" for own in fields] for name, fields in _OWN.items()},
        },
    )
)
TIME_FLAGS: Mapping[str, int] = {"unknown": 0, "ok": 1, "past": 2, "clamped": 3}


class Device(NamedTuple):
    """Classes of a device; `bot` says why it looks like a program, and is empty for a person's."""

    browser: str
    system: str
    kind: str
    bot: str = ""


class EventRow(NamedTuple):
    """An event for `raw_events`, before its names become numbers. Times in milliseconds since 1970."""

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
class Span:
    """What a batch holds of one partition: offsets from `start` up to, not including, `next`."""

    start: int
    next: int
    rows: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    erased: int = 0


@dataclass(slots=True)
class Batch:
    """Rows and dead letters of some partitions, and how far they move each."""

    rows: list[tuple[int, KafkaRecord, EventRow]] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    spans: dict[int, Span] = field(default_factory=dict)
    bytes: int = 0
    # Append times, in milliseconds since 1970.
    oldest: int = 0
    newest: int = 0


def sift(fetched: Mapping[int, Sequence[KafkaRecord]], starts: Mapping[int, int]) -> Batch:
    """Rows and dead letters of records, one or more a partition. The first of a repeated id wins."""
    batch = batch_of((partition, record) for partition, records in fetched.items() for record in records)
    for partition, span in batch.spans.items():
        span.start = starts[partition]
    ends = [record.timestamp for records in fetched.values() for record in (records[0], records[-1])]
    batch.oldest, batch.newest = min(ends), max(ends)
    batch.bytes = sum(len(record.value or b"") for records in fetched.values() for record in records)
    return batch


def batch_of(located: Iterable[tuple[int, KafkaRecord]]) -> Batch:
    """Rows and dead letters of records with their partitions; each span begins with its first record."""
    batch, seen = Batch(), set[UUID]()
    for partition, record in located:
        span = batch.spans.get(partition)
        if span is None:
            span = batch.spans[partition] = Span(record.offset, record.offset)
        span.next = record.offset + 1
        try:
            row = to_row(record)
        except Undecodable as refusal:
            batch.dead_letters.append(dead_letter(partition, record, refusal.reason, str(refusal)))
            continue
        if row.event_id in seen:
            span.duplicates += 1
        else:
            seen.add(row.event_id)
            batch.rows.append((partition, record, row))
    return batch


def to_row(record: KafkaRecord) -> EventRow:
    """The row of a record. Raise `Undecodable` for anything that is not an event."""
    schema, event_id, occurred_at, session_key, common, own = _READER.read(record.value, record.timestamp)
    event_type, received_at, sent_at, time_flag, user_key, ip_hash, page, browser, system, kind, bot = common
    event_data = own[0] if schema == CUSTOM else as_sent(dict(zip(_OWN[schema], own, strict=True)))
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
        ip_hash,
        # The view reads it back from event_data where it stands there.
        None if event_data.get("page") == page else page,
        event_data,
    )


def as_sent(event_data: Mapping[str, Any]) -> dict[str, Any]:
    """`event_data` of a typed event without what Avro filled in for absent fields."""
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
