"""Writes what the judge decided, in the transaction of the rows: corrections to publish, and counted copies."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import psycopg

from service_kit.moments import utc
from sinks.landing.judge import Copy, Judgement, Verdict
from sinks.sql import read_statements

_SQL = read_statements(__name__)
_COPY_TYPES = (
    *("text", "text", "int8", "int4", "uuid", "int8", "uuid"),
    *("bool", "text", "bool", "timestamptz", "bytea", "bytea"),
)


class JudgedTopic(NamedTuple):
    """The topic that judged records were read from. A topic that was recreated has another id."""

    sink: str
    cluster_id: str
    topic: str
    topic_id: UUID | None = None


def counted_copies(connection: psycopg.Connection, ids: Sequence[bytes]) -> set[Copy]:
    """The copies that were counted without a row, of ids between the smallest and the largest of these."""
    if not ids:
        return set()
    bounds = {"low": UUID(bytes=min(ids)), "high": UUID(bytes=max(ids))}
    return {(event_id.bytes, part) for event_id, part in connection.execute(_SQL["counted_copies"], bounds)}


def write(connection: psycopg.Connection, topic: JudgedTopic, judgement: Judgement) -> None:
    """Write a judgement."""
    if judgement.counted:
        ids, parts = zip(*judgement.counted, strict=True)
        copies = {"ids": [UUID(bytes=event_id) for event_id in ids], "parts": list(parts)}
        connection.execute(_SQL["add_copies"], copies)
    if judgement.verdicts:
        _add_corrections(connection, topic, judgement.verdicts)


def _add_corrections(connection: psycopg.Connection, topic: JudgedTopic, verdicts: Sequence[Verdict]) -> None:
    next_number = _reserve_numbers(connection, topic, Counter(each.outcome.partition for each in verdicts))
    with connection.cursor() as cursor, cursor.copy(_SQL["copy"]) as copy:
        copy.set_types(_COPY_TYPES)
        for outcome, again in verdicts:
            number = next_number.get(outcome.partition)
            if number is None:
                continue  # a dead letter of a topic that nobody lands any more
            next_number[outcome.partition] = number + 1
            record = outcome.record
            copy.write_row(
                (
                    *(topic.cluster_id, topic.topic, number, outcome.partition, topic.topic_id, record.offset),
                    *(UUID(bytes=outcome.event_id), not outcome.reason, outcome.reason, again),
                    *(utc(record.timestamp), record.key, record.value or b""),
                )
            )


def _reserve_numbers(
    connection: psycopg.Connection, topic: JudgedTopic, counts: Mapping[int, int]
) -> dict[int, int]:
    """The first of so many numbers for each partition. Nobody else gets numbers of it before we commit."""
    values = {**topic._asdict(), "parts": list(counts), "counts": list(counts.values())}
    return dict(connection.execute(_SQL["reserve_numbers"], values).fetchall())
