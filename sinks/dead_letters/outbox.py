"""The dead letters that `events-rejected` does not have yet."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from service_kit.kafka import Headers
from sinks.dead_letters.table import from_json

# Any number, the same in every process of ours.
_LOCK = 0x72656C6179
_WAITING = """
select id, topic, part, record_offset, (extract(epoch from appended_at) * 1000)::bigint, reason, detail,
    record_key, record_value, headers
from dead_letters where published_at is null order by id limit %s
"""
# What is told to have been published must be so after a crash too, or it is published again; that does no harm.
_PUBLISHED = "update dead_letters set published_at = now() where id = any(%s)"
_COUNT = "select count(*) from dead_letters where published_at is null"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as the table has it; `appended_at` in milliseconds since 1970."""

    id: int
    topic: str
    partition: int
    offset: int
    appended_at: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    kept_headers: Sequence[tuple[str, str | None]]

    @property
    def headers(self) -> Headers:
        """Its headers as a record has them."""
        return from_json(self.kept_headers)


class Outbox:
    """What waits, for the one process that holds the lock. Its methods block."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection | None = None
        self._held = False

    def waiting(self, most: int) -> list[Letter]:
        """The oldest that wait; none where another process publishes them."""
        connection = self._connected()
        if not self._held:
            (self._held,) = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone() or (False,)
        if not self._held:
            return []
        return [Letter(*columns) for columns in connection.execute(_WAITING, [most]).fetchall()]

    def published(self, ids: Sequence[int]) -> None:
        """Note that these are published."""
        self._connected().execute(_PUBLISHED, [list(ids)])

    def backlog(self) -> int:
        """How many wait, told by the one process that publishes them."""
        if not self._held:
            return 0
        (count,) = self._connected().execute(_COUNT).fetchone() or (0,)
        return int(count)

    def close(self) -> None:
        """Drop the connection, and the lock with it."""
        connection, self._connection, self._held = self._connection, None, False
        if connection is not None:
            connection.close()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._held = False
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=5,
                options="-c statement_timeout=10s -c lock_timeout=5s",
                application_name="footfall-relay",
            )
        return self._connection
