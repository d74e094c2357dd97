"""The table `dead_letters`: records that could not land, byte for byte, with the reason; and retrying them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import orjson
import psycopg

from service_kit.kafka.record import Headers
from service_kit.moments import utc
from sinks.landing.rows import Batch, DeadLetter, decode_records
from sinks.sql import read_statements

_SQL = read_statements(__name__)


@dataclass(slots=True)
class StoredDeadLetter:
    """A dead letter as the table holds it. It can be decoded like the record it was.

    `timestamp` is when Kafka appended the record, in milliseconds since 1970.
    """

    id: int
    topic: str
    partition: int
    offset: int
    timestamp: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    @classmethod
    def from_row(cls, *columns: object) -> "StoredDeadLetter":
        """From the columns of a query, in the order of the fields; the headers as JSON."""
        *fields, headers = columns
        return cls(*fields, headers_from_json(headers))  # type: ignore[call-arg, arg-type] # as the query returns them


class TopicOfLetters(NamedTuple):
    """The topic that dead letters were read from. A topic that was recreated has another id."""

    cluster_id: str
    topic: str
    topic_id: UUID | None = None


def insert(connection: psycopg.Connection, topic: TopicOfLetters, dead_letters: Sequence[DeadLetter]) -> None:
    """Store the dead letters of a batch, in its transaction."""
    if not dead_letters:
        return  # as usual: without asking Postgres
    with connection.cursor() as cursor:
        cursor.executemany(
            _SQL["insert"],
            [
                {
                    **topic._asdict(),
                    "part": each.partition,
                    "offset": each.offset,
                    "reason": each.reason,
                    "detail": _without_nul(each.detail),
                    "sqlstate": each.sqlstate,
                    "key": each.key,
                    "value": each.value,
                    "headers": orjson.dumps(_headers_to_json(each.headers)).decode(),
                    "appended_at": utc(each.timestamp),
                }
                for each in dead_letters
            ],
        )


class DeadLetterRetry:
    """Dead letters that are being landed again, locked until the end of the transaction."""

    def __init__(self, connection: psycopg.Connection, topic: str, ids: Sequence[int]) -> None:
        self._connection = connection
        found = connection.execute(_SQL["lock"], {"ids": list(ids), "topic": topic}).fetchall()
        # One per position, because a batch identifies its records by that. A topic that was recreated has the same
        # offsets again; the later dead letter of such a pair stays for the next replay.
        self._by_position = dict[tuple[int, int], StoredDeadLetter]()
        self._reads, self._topics = dict[int, int](), dict[int, TopicOfLetters]()
        for reads, cluster_id, topic_id, *columns in found:
            dead_letter = StoredDeadLetter.from_row(*columns)
            self._by_position.setdefault((dead_letter.partition, dead_letter.offset), dead_letter)
            self._reads[dead_letter.id] = reads
            self._topics[dead_letter.id] = TopicOfLetters(cluster_id, topic, topic_id)

    def batch(self) -> Batch:
        """The dead letters as a batch of records, as if they had just been read."""
        return decode_records((each.partition, each) for each in self._by_position.values())

    def topic_of(self, partition: int, offset: int) -> TopicOfLetters:
        """The topic that a dead letter was read from."""
        return self._topics[self._by_position[partition, offset].id]

    def finish(self, failed: Sequence[DeadLetter]) -> list[tuple[int, int]]:
        """Count an attempt for those that failed again, and delete the others.

        Return the partition of each of these, and how often it had been read.
        """
        ids = {position: each.id for position, each in self._by_position.items()}
        failed_at = {(each.partition, each.offset) for each in failed}
        landed = [position for position in ids if position not in failed_at]
        self._connection.execute(_SQL["delete"], {"ids": [ids[position] for position in landed]})
        with self._connection.cursor() as cursor:
            cursor.executemany(
                _SQL["count_attempt"],
                [
                    {
                        "reason": each.reason,
                        "detail": _without_nul(each.detail),
                        "sqlstate": each.sqlstate,
                        "id": ids[each.partition, each.offset],
                    }
                    for each in failed
                ],
            )
        return [(position[0], self._reads[ids[position]]) for position in landed]


def headers_from_json(headers: Sequence[tuple[str, str | None]]) -> Headers:
    """The headers of a record, from the form in which the table stores them."""
    return [(name, None if value is None else base64.b64decode(value)) for name, value in headers]


def _headers_to_json(headers: Headers) -> list[tuple[str, str | None]]:
    # A list of pairs, not an object: Kafka allows a name more than once, and their order matters.
    return [
        (_without_nul(name), None if value is None else base64.b64encode(value).decode())
        for name, value in headers
    ]


def _without_nul(text: str) -> str:
    # Postgres cannot store NUL in text.
    return text.replace("\0", "")
