"""Forgetting a user: what they sent is removed, and what is replayed later does not land again.

A batch that read the list of erasures just before a request may commit just after the removal. So batches hold a
lock in common while they read the list and write, and a request is written while nobody holds it.
"""

import time
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from psycopg import sql

from sinks.retention.packing import forget, lock_day
from sinks.retention.partitions import day_named, name_of

# Any number, the same in every process of ours.
_LOCK = 0x666F726765
_TRY_SECONDS = 0.02
_ROWS = sql.SQL("delete from {} where user_key = %s and received_at <= %s")
_LETTERS = "delete from dead_letters where record_key = %s and appended_at <= %s"
_COUNT = """
select
    (select count(*) from raw_events where user_key = %(key)s and received_at <= %(at)s)
    + (select count(*) from packed_events as packed cross join lateral unpack(packed) as event
        where packed.owners @> %(key)s::bytea and event.user_key = %(key)s and event.received_at <= %(at)s),
    (select count(*) from dead_letters where record_key = %(key)s and appended_at <= %(at)s)
"""


@dataclass(frozen=True, slots=True)
class Removed:
    """What an erasure removed."""

    rows: int
    dead_letters: int


class Erasures:
    """The erased users as a landing process knows them; new ones are read with every batch."""

    def __init__(self) -> None:
        self._newest = 0
        self._until: dict[bytes, float] = {}

    def forget(self) -> None:
        """Read the whole list with the next batch."""
        self._newest, self._until = 0, {}

    def refresh(self, connection: psycopg.Connection) -> None:
        """Read what is new, in the transaction of a batch; no request comes in between until that ends."""
        connection.execute("select pg_advisory_xact_lock_shared(%s)", [_LOCK])
        found = connection.execute(
            "select id, user_key, requested_at from erasures where id > %s order by id", [self._newest]
        )
        for number, user_key, requested_at in found.fetchall():
            self._newest = number
            self._until[user_key] = max(self._until.get(user_key, 0.0), requested_at.timestamp() * 1000)

    def __bool__(self) -> bool:
        """Whether anybody is to be forgotten."""
        return bool(self._until)

    def covers(self, user_key: bytes | None, received_at: int) -> bool:
        """Whether what a user sent, received at a time in milliseconds since 1970, is to be forgotten."""
        return user_key is not None and received_at <= self._until.get(user_key, -1.0)


def request(connection: psycopg.Connection, user_key: bytes, requested_at: datetime, receipt: str) -> None:
    """Put a user on the list; known receipts stay as they are. The connection must be in autocommit."""
    while True:
        with connection.transaction():
            # Waiting for the lock would make every batch wait behind it.
            (free,) = connection.execute("select pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone() or (False,)
            if free:
                connection.execute(
                    "insert into erasures (user_key, requested_at, receipt) values (%s, %s, %s)"
                    " on conflict (receipt) do nothing",
                    [user_key, requested_at, receipt],
                )
                return
        time.sleep(_TRY_SECONDS)


def remove(connection: psycopg.Connection, user_key: bytes, requested_at: datetime, receipt: str) -> Removed:
    """Remove what a listed user sent, a day at a time, newest first; and note it. May be done again.

    The connection must be in autocommit.
    """
    for day in _days(connection):
        _remove_day(connection, day, user_key, requested_at, receipt)
    with connection.transaction():
        letters = connection.execute(_LETTERS, [user_key, requested_at]).rowcount
        connection.execute(
            "update erasures set letters_removed = letters_removed + %s where receipt = %s", [letters, receipt]
        )
    done = connection.execute(
        "update erasures set finished_at = coalesce(finished_at, now()) where receipt = %s"
        " returning rows_removed, letters_removed",
        [receipt],
    ).fetchone()
    return Removed(*(done or (0, 0)))


def count(connection: psycopg.Connection, user_key: bytes, requested_at: datetime) -> Removed:
    """What `remove` would remove."""
    found = connection.execute(_COUNT, {"key": user_key, "at": requested_at}).fetchone()
    return Removed(*(found or (0, 0)))


def _remove_day(
    connection: psycopg.Connection, day: date, user_key: bytes, requested_at: datetime, receipt: str
) -> None:
    """Remove a user's rows of both forms; the count is noted in the same transaction."""
    with connection.transaction():
        # Else rows on their way from one form to the other might be in neither when it is looked at.
        lock_day(connection, day)
        delete = _ROWS.format(sql.Identifier(name_of(day)))
        removed = connection.execute(delete, [user_key, requested_at]).rowcount
        removed += forget(connection, day, user_key, requested_at)
        if removed:
            connection.execute(
                "insert into erased_rows (day, receipt, rows) values (%s, %s, %s)"
                " on conflict (day, receipt) do update set rows = erased_rows.rows + excluded.rows",
                [day, receipt, removed],
            )
            connection.execute(
                "update erasures set rows_removed = rows_removed + %s where receipt = %s", [removed, receipt]
            )


def _days(connection: psycopg.Connection) -> list[date]:
    found = connection.execute(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'raw_events'::regclass order by 1 desc"
    )
    return [day_named(name) for (name,) in found.fetchall()]
