"""Forgetting a user: what they sent is removed, and what is replayed later does not land again.

A batch that read the list of erasures just before a request may commit just after the removal. So batches hold a
lock in common while they read the list and write, and a request is written while nobody holds it.
"""

import time
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from sinks.partitions import day_named

# Any number, the same in every process of ours.
_LOCK = 0x666F726765
_TRY_SECONDS = 0.02
_ROWS = sql.SQL("delete from {} where user_key = %s and received_at <= %s")
_LETTERS = sql.SQL("delete from {} where record_key = %s and appended_at <= %s")


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
    for partition in _partitions(connection):
        _delete(connection, receipt, "rows_removed", _ROWS, partition, user_key, requested_at)
    _delete(connection, receipt, "letters_removed", _LETTERS, "dead_letters", user_key, requested_at)
    done = connection.execute(
        "update erasures set finished_at = coalesce(finished_at, now()) where receipt = %s"
        " returning rows_removed, letters_removed",
        [receipt],
    ).fetchone()
    rows, letters = done or (0, 0)
    return Removed(rows, letters)


def count(connection: psycopg.Connection, user_key: bytes, requested_at: datetime) -> Removed:
    """What `remove` would remove."""
    found = connection.execute(
        "select (select count(*) from raw_events where user_key = %(key)s and received_at <= %(at)s),"
        " (select count(*) from dead_letters where record_key = %(key)s and appended_at <= %(at)s)",
        {"key": user_key, "at": requested_at},
    ).fetchone()
    rows, letters = found or (0, 0)
    return Removed(rows, letters)


def _delete(
    connection: psycopg.Connection,
    receipt: str,
    counted: str,
    delete: sql.SQL,
    table: str,
    user_key: bytes,
    requested_at: datetime,
) -> None:
    """Delete from a table, and add the count to the receipt in the same transaction."""
    with connection.transaction():
        statement = delete.format(sql.Identifier(table))
        removed = connection.execute(statement, [user_key, requested_at]).rowcount
        add = sql.SQL("update erasures set {0} = {0} + %s where receipt = %s").format(sql.Identifier(counted))
        connection.execute(add, [removed, receipt])
        if removed and table != "dead_letters":
            connection.execute(
                "insert into erased_rows (day, receipt, rows) values (%s, %s, %s)"
                " on conflict (day, receipt) do update set rows = erased_rows.rows + excluded.rows",
                [day_named(table), receipt, removed],
            )


def _partitions(connection: psycopg.Connection) -> list[str]:
    found = connection.execute(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'raw_events'::regclass order by 1 desc"
    )
    return [name for (name,) in found.fetchall()]
