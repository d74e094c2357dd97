"""Erasure: removes what a user sent, and keeps it from landing again when the topic or a dead letter is replayed.

The events stay in Kafka until its retention ends, so removing rows is not enough: every batch checks the list of
erasures before it lands, and skips what these users sent up to their request.

The race to exclude: a batch reads the list, then the user is listed and the rows are removed, then the batch
commits rows of that user. So batches take a shared lock when they read the list and hold it until they commit, and
a request is only inserted while no batch holds it. A batch that starts later sees the request.
"""

import time
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from psycopg import sql

from avro_schemas.record_key import record_key
from sinks.retention.packing import erase_user, lock_day
from sinks.retention.partitions import day_of_table, raw_table_name
from sinks.sql import read_statements

# An advisory lock, "forge" in ASCII.
_LOCK = 0x666F726765
_RETRY_SECONDS = 0.02
_SQL = read_statements(__name__)


@dataclass(frozen=True, slots=True)
class Removed:
    """What an erasure removed."""

    rows: int
    dead_letters: int


class ErasedUsers:
    """Erased users, as a landing process knows them. Requests are only added, so each batch reads the new ones."""

    def __init__(self) -> None:
        self._newest = 0
        self._until: dict[bytes, float] = {}

    def clear(self) -> None:
        """Read the whole list again with the next batch."""
        self._newest, self._until = 0, {}

    def refresh(self, connection: psycopg.Connection) -> None:
        """Read new requests, in the transaction of a batch. No request is inserted until that transaction ends."""
        connection.execute("select pg_advisory_xact_lock_shared(%s)", [_LOCK])
        found = connection.execute(_SQL["newer_requests"], {"newest": self._newest})
        for request_id, user_key, requested_at in found.fetchall():
            self._newest = request_id
            self._until[user_key] = max(self._until.get(user_key, 0.0), requested_at.timestamp() * 1000)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._until)

    def covers(self, user_key: bytes | None, received_at: int) -> bool:
        """Whether an event of this user, received at this time (milliseconds since 1970), must not land."""
        return user_key is not None and received_at <= self._until.get(user_key, -1.0)


def request(connection: psycopg.Connection, user_key: bytes, requested_at: datetime, receipt: str) -> None:
    """Add a user to the list; a receipt that is there already changes nothing.

    The connection must be in autocommit mode.
    """
    while True:
        with connection.transaction():
            # Polls instead of waiting: a waiting exclusive lock would make every new batch queue behind it.
            (locked,) = connection.execute("select pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone() or (False,)
            if locked:
                connection.execute(
                    _SQL["insert_request"],
                    {"user_key": user_key, "requested_at": requested_at, "receipt": receipt},
                )
                return
        time.sleep(_RETRY_SECONDS)


def remove(connection: psycopg.Connection, user_key: bytes, requested_at: datetime, receipt: str) -> Removed:
    """Remove what a listed user sent, one day per transaction, newest first. Safe to interrupt and to repeat.

    The connection must be in autocommit mode.
    """
    for (table,) in connection.execute(_SQL["days"]).fetchall():
        _remove_day(connection, day_of_table(table), user_key, requested_at, receipt)
    with connection.transaction():
        user = {"record_key": record_key(user_key), "requested_at": requested_at}
        dead_letters = connection.execute(_SQL["delete_dead_letters"], user).rowcount
        connection.execute(_SQL["add_dead_letters_removed"], {"dead_letters": dead_letters, "receipt": receipt})
    totals = connection.execute(_SQL["finish"], {"receipt": receipt}).fetchone()
    return Removed(*(totals or (0, 0)))


def count(connection: psycopg.Connection, user_key: bytes, requested_at: datetime) -> Removed:
    """What `remove` would remove."""
    user = {"user_key": user_key, "record_key": record_key(user_key), "requested_at": requested_at}
    found = connection.execute(_SQL["count"], user).fetchone()
    return Removed(*(found or (0, 0)))


def _remove_day(
    connection: psycopg.Connection, day: date, user_key: bytes, requested_at: datetime, receipt: str
) -> None:
    """Remove a user's hot and packed rows of a day, and note how many, in one transaction."""
    with connection.transaction():
        # Rows that are being packed would be neither hot nor packed for the two statements below.
        lock_day(connection, day)
        delete = _SQL["delete_hot_rows"].format(raw_table=sql.Identifier(raw_table_name(day)))
        removed = connection.execute(delete, {"user_key": user_key, "requested_at": requested_at}).rowcount
        removed += erase_user(connection, day, user_key, requested_at)
        if removed:
            connection.execute(_SQL["add_erased_rows"], {"day": day, "receipt": receipt, "rows": removed})
            connection.execute(_SQL["add_rows_removed"], {"receipt": receipt, "rows": removed})
