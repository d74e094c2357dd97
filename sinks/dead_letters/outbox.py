"""The outbox: dead letters in Postgres that are not in `events-rejected` yet."""

from collections.abc import Sequence

import psycopg

from sinks.connect import connect
from sinks.dead_letters.table import StoredDeadLetter
from sinks.sql import read_statements

# An advisory lock, "relay" in ASCII.
_LOCK = 0x72656C6179
# Of the dead letters that are in memory at once.
_MAX_BYTES = 8 * 1024 * 1024
_SQL = read_statements(__name__)


class Outbox:
    """Only the process that holds the lock sees pending dead letters, so one relay publishes at a time.

    Its methods block. The lock belongs to the connection: when that breaks, another process may take over.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection | None = None
        self._locked = False

    def pending(self, limit: int) -> list[StoredDeadLetter]:
        """The oldest pending dead letters; none if another process publishes them."""
        connection = self._connected()
        if not self._locked:
            (self._locked,) = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone() or (False,)
        if not self._locked:
            return []
        found = connection.execute(_SQL["pending"], {"limit": limit, "max_bytes": _MAX_BYTES}).fetchall()
        return [StoredDeadLetter.from_row(*columns) for columns in found]

    def mark_published(self, ids: Sequence[int]) -> None:
        """Note that these are published."""
        self._connected().execute(_SQL["mark_published"], {"ids": list(ids)})

    def count_pending(self) -> int:
        """How many are pending; 0 in processes that do not publish, so that a sum over processes is right."""
        if not self._locked:
            return 0
        (count,) = self._connected().execute(_SQL["count_pending"]).fetchone() or (0,)
        return int(count)

    def close(self) -> None:
        """Close the connection, which releases the lock."""
        connection, self._connection, self._locked = self._connection, None, False
        if connection is not None:
            connection.close()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._locked = False
            settings = {"statement_timeout": "10s", "lock_timeout": "5s"}
            self._connection = connect(self._dsn, "footfall-relay", settings)
        return self._connection
