"""The judge of repeats: what the stream app cannot know, as Postgres has one row per id. No I/O.

The stream app knows one partition and a few minutes of it. It counts a fresh record if no other fresh record of
the id came before it in the partition, and lets an uncertain one wait. So it is right about most records.
A correction follows where it cannot be: for each uncertain record; for a fresh one that it counted and that did
not become a row; and for one that became a row and that it did not count.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from avro_schemas import event_ids
from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import decode_event
from avro_schemas.wire.freshness import MAX_AGE_MS, MAX_AHEAD_MS, is_fresh
from service_kit.kafka.record import KafkaRecord
from sinks.landing.rows import UNREADABLE, DeadLetter, LocatedRow

# An event in a partition.
Copy = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record that is an event: a row if `reason` is empty."""

    partition: int
    record: KafkaRecord | DeadLetter
    event_id: bytes
    received_at: int
    reason: str = ""

    @property
    def fresh(self) -> bool:
        return is_fresh(id_time(self.event_id), self.received_at, self.record.timestamp)

    @property
    def copy(self) -> Copy:
        return self.event_id, self.partition


class Verdict(NamedTuple):
    """A correction to publish. `again`: the record was judged before."""

    outcome: Outcome
    again: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """Corrections, in the order of the log; and fresh records that the stream app counted and that have no row."""

    verdicts: list[Verdict]
    counted: list[Copy]


def judge(outcomes: Iterable[Outcome], counted: Collection[Copy], judged_to: Mapping[int, int]) -> Judgement:
    """Judge records of partitions.

    `counted` are the events that the stream app counted in a partition before. Rows may be left out of the
    outcomes if they are fresh, not such an event, and the only record of their id. Records before `judged_to` were
    judged when they were read first.
    """
    verdicts, without_row, known = list[Verdict](), list[Copy](), set(counted)
    for each in sorted(outcomes, key=lambda each: (each.partition, each.record.offset)):
        is_row = not each.reason
        if each.record.offset < judged_to.get(each.partition, 0):
            if is_row:
                verdicts.append(Verdict(each, again=True))
        elif not each.fresh:
            verdicts.append(Verdict(each))
        elif is_row != (each.copy not in known):
            verdicts.append(Verdict(each))
            if not is_row:
                known.add(each.copy)
                without_row.append(each.copy)
        else:
            known.add(each.copy)
    return Judgement(verdicts, without_row)


def counted_in(rows: Collection[LocatedRow]) -> list[int | None]:
    """Of each row, the partition in which the stream app may have counted it by itself; None if uncertain."""
    if not rows:
        return []
    # Nearly always all are fresh, and a few comparisons of the extremes tell.
    ids = [row.event_id for _partition, _record, row in rows]
    appended = [record.timestamp for _partition, record, _row in rows]
    earliest = min(min(appended), min([row.received_at for _partition, _record, row in rows]))
    if max(appended) - id_time(min(ids)) <= MAX_AGE_MS and id_time(max(ids)) - MAX_AHEAD_MS <= earliest:
        return [partition for partition, _record, _row in rows]
    return [
        partition if is_fresh(id_time(row.event_id), row.received_at, record.timestamp) else None
        for partition, record, row in rows
    ]


def row_outcome(located: LocatedRow, reason: str = "") -> Outcome:
    """The outcome of a record that was decoded."""
    partition, record, row = located
    return Outcome(partition, record, row.event_id, row.received_at, reason)


def dead_letter_outcome(dead_letter: DeadLetter, reason: str = "") -> Outcome | None:
    """The outcome of a dead letter; None if it is not an event, so that the stream app rejected it too."""
    if dead_letter.reason == UNREADABLE:
        return None
    try:
        _schema, event = decode_event(dead_letter.value, dead_letter.timestamp)
    except Undecodable:
        return None
    event_id = event_ids.to_uuid(event["event_id"]).bytes
    return Outcome(
        dead_letter.partition, dead_letter, event_id, event["received_at"], reason or dead_letter.reason
    )


def id_time(event_id: bytes) -> int:
    """The time inside an id, in milliseconds since 1970."""
    return int.from_bytes(event_id[:6], "big")
