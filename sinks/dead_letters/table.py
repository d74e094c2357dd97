"""Dead letters in Postgres: records that could not land, byte for byte, with the reason."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import psycopg

from service_kit.kafka import Headers
from sinks.landing.rows import Batch, DeadLetter, Kept, batch_of

_WRITE = """
insert into dead_letters (cluster_id, topic, part, record_offset, reason, detail, sqlstate,
    record_key, record_value, headers, appended_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""
# Those that another process tries now are passed over.
_LOCKED = """
select id, part, record_offset, (extract(epoch from appended_at) * 1000)::bigint, record_key, record_value, headers
from dead_letters where id = any(%s) and topic = %s order by id for update skip locked
"""
_TRIED = """
update dead_letters set attempts = attempts + 1, tried_at = now(), reason = %s, detail = %s, sqlstate = %s
where id = %s
"""


def write(connection: psycopg.Connection, cluster_id: str, topic: str, letters: Sequence[DeadLetter]) -> None:
    """Keep the letters of a batch, in its transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            _WRITE,
            [
                (
                    *(cluster_id, topic, letter.partition, letter.offset),
                    *(letter.reason, _text(letter.detail), letter.sqlstate),
                    *(letter.key, letter.value, orjson.dumps(_as_json(letter.headers)).decode()),
                    datetime.fromtimestamp(letter.timestamp / 1000, UTC),
                )
                for letter in letters
            ],
        )


class Tried:
    """Letters that are tried again, locked until the end of the transaction."""

    def __init__(self, connection: psycopg.Connection, topic: str, ids: Sequence[int]) -> None:
        self._connection = connection
        found = connection.execute(_LOCKED, [list(ids), topic]).fetchall()
        self._numbers = {(part, offset): number for number, part, offset, *_ in found}
        self._kept = [
            (part, Kept(part, offset, at, key, value, from_json(headers)))
            for _number, part, offset, at, key, value, headers in found
        ]

    def batch(self) -> Batch:
        """The letters as records that were just read."""
        return batch_of(self._kept)

    def note(self, letters: Sequence[DeadLetter]) -> list[int]:
        """Keep those that are dead still, and remove the others; the partitions of the removed, one each."""
        dead = {(letter.partition, letter.offset) for letter in letters}
        solved = [place for place in self._numbers if place not in dead]
        self._connection.execute(
            "delete from dead_letters where id = any(%s)", [[self._numbers[place] for place in solved]]
        )
        with self._connection.cursor() as cursor:
            cursor.executemany(
                _TRIED,
                [
                    (each.reason, _text(each.detail), each.sqlstate, self._numbers[each.partition, each.offset])
                    for each in letters
                ],
            )
        return [partition for partition, _offset in solved]


def from_json(headers: Sequence[tuple[str, str | None]]) -> Headers:
    """Headers as a record has them, of those that a letter keeps."""
    return [(name, None if value is None else base64.b64decode(value)) for name, value in headers]


def _as_json(headers: Headers) -> list[tuple[str, str | None]]:
    return [(_text(name), None if value is None else base64.b64encode(value).decode()) for name, value in headers]


def _text(text: str) -> str:
    """Text as Postgres takes it."""
    return text.replace("\0", "")
