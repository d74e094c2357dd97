"""The outbox: dead letters in Postgres that are not in `events-rejected` yet."""

from collections.abc import Sequence

from service_kit.postgres import PostgresSettings
from sinks.dead_letters.table import StoredDeadLetter
from sinks.relay import LockedConnection
from sinks.sql import read_statements

# Of the dead letters that are in memory at once.
_MAX_BYTES = 8 * 1024 * 1024
_SQL = read_statements(__name__)


class Outbox:
    """Only the process that holds the lock sees pending dead letters. Its methods block."""

    def __init__(self, where: PostgresSettings) -> None:
        self._locked = LockedConnection(where, "footfall relay of dead letters")
        self.close = self._locked.close

    def pending(self, limit: int) -> list[StoredDeadLetter]:
        """The oldest pending dead letters; none if another process publishes them."""
        connection = self._locked.get()
        if connection is None:
            return []
        found = connection.execute(_SQL["pending"], {"limit": limit, "max_bytes": _MAX_BYTES}).fetchall()
        return [StoredDeadLetter.from_row(*columns) for columns in found]

    def mark_published(self, ids: Sequence[int]) -> None:
        """Note that these are published."""
        if connection := self._locked.get():
            connection.execute(_SQL["mark_published"], {"ids": list(ids)})

    def count_pending(self) -> int:
        """How many are pending; 0 in processes that do not publish, so that a sum over processes is right."""
        connection = self._locked.get()
        if connection is None:
            return 0
        (count,) = connection.execute(_SQL["count_pending"]).fetchone() or (0,)
        return int(count)
