"""Decodes records of `events` into rows and dead letters. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from avro_schemas.wire.codec import Undecodable
from service_kit.kafka.fetches import Covered
from service_kit.kafka.record import Headers, KafkaRecord
from service_kit.kafka.unreadable import UnreadableRecord
from sinks.landing.event_row import EventRow
from sinks.landing.fast_rows import FastRowReader

# The reason of a record that nobody can read, whatever its value holds.
UNREADABLE = "record_unreadable"
_READER = FastRowReader()


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
    """Offsets of a partition from `start` up to, not including, `next`, and what became of their records.

    `empty` of them hold no record: markers of transactions, and what was aborted. `epoch` is the leader epoch of
    the last one, -1 if it is not known.
    """

    start: int
    next: int
    rows: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    erased: int = 0
    empty: int = 0
    epoch: int = -1


# A row with its partition, and with the record that it becomes a dead letter of if the store rejects it.
LocatedRow = tuple[int, KafkaRecord, EventRow]


@dataclass(slots=True)
class Batch:
    """Rows and dead letters of some partitions, and the range of offsets that they cover in each.

    `repeats` have the ids of earlier `rows`: what becomes of them depends on what becomes of these.
    """

    rows: list[LocatedRow] = field(default_factory=list)
    repeats: list[LocatedRow] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    ranges: dict[int, OffsetRange] = field(default_factory=dict)
    bytes: int = 0
    # Append times of its records, in milliseconds since 1970.
    oldest: int = 0
    newest: int = 0


def decode_batch(fetched: Mapping[int, Sequence[KafkaRecord]], starts: Mapping[int, int]) -> Batch:
    """Decode fetched records; `starts` are the next offsets of the store.

    A range begins there and not at its first record: offsets that hold no record, such as transaction markers, are
    covered too, else the next offset of the store would never equal the start of a batch. A range may hold none.
    """
    batch = decode_records((partition, record) for partition, records in fetched.items() for record in records)
    for partition, records in fetched.items():
        start, following, epoch = _span(records)
        covered = batch.ranges.setdefault(partition, OffsetRange(start, following))
        covered.start, covered.next, covered.epoch = starts[partition], following, epoch
        # Not those before the fetch: Kafka removed them before they landed.
        covered.empty = following - start - len(records)
    times = [record.timestamp for records in fetched.values() if records for record in (records[0], records[-1])]
    batch.oldest, batch.newest = min(times, default=0), max(times, default=0)
    batch.bytes = sum(len(record.value or b"") for records in fetched.values() for record in records)
    return batch


def _span(records: Sequence[KafkaRecord]) -> tuple[int, int, int]:
    """The offsets that these are all records of, and the last leader epoch."""
    if isinstance(records, Covered):
        return records.start, records.next, records.epoch
    return records[0].offset, records[-1].offset + 1, -1


def decode_records(located: Iterable[tuple[int, KafkaRecord]]) -> Batch:
    """Decode records with their partitions. Of several events with one id, the others are repeats."""
    batch, seen = Batch(), set[bytes]()
    for partition, record in located:
        covered = batch.ranges.get(partition)
        if covered is None:
            covered = batch.ranges[partition] = OffsetRange(record.offset, record.offset)
        covered.next = record.offset + 1
        if record.__class__ is UnreadableRecord:
            batch.dead_letters.append(dead_letter(partition, record, UNREADABLE, record.fault))
            continue
        try:
            row = _READER.read(record)
        except Undecodable as error:
            batch.dead_letters.append(dead_letter(partition, record, error.reason, str(error)))
            continue
        if row.event_id in seen:
            batch.repeats.append((partition, record, row))
        else:
            seen.add(row.event_id)
            batch.rows.append((partition, record, row))
    return batch


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
