"""Postgres, read-only: named queries out of the files in this folder, and connections with time limits."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg

from service_kit.postgres import PostgresSettings

# Of the transaction, not of the startup packet: PgBouncer refuses the latter, and in transaction mode gives the
# connection to others afterwards.
_SETTINGS = {"statement_timeout": "20s", "lock_timeout": "2s", "timezone": "UTC"}
_SET = "select set_config(name, value, true) from unnest(%s::text[], %s::text[]) as settings (name, value)"
# Readers of the history must not take connections and CPU from the sinks.
_MAX_CONNECTIONS = 4

queries: Mapping[str, bytes] = MappingProxyType(
    {path.stem: path.read_bytes() for path in Path(__file__).parent.glob("*.sql")}
)
_OPTIONS: Mapping[str, Any] = MappingProxyType(
    {
        "connect_timeout": 5,
        "client_encoding": "utf8",
        "prepare_threshold": None,
        "application_name": "footfall-dashboard",
    }
)


class Database:
    """Opens a connection per use, a few at a time."""

    def __init__(self, where: PostgresSettings) -> None:
        self._settings = {**_SETTINGS, "search_path": where.postgres_schema}
        self._dsn = where.postgres_dsn
        self.slots = asyncio.Semaphore(_MAX_CONNECTIONS)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """A connection in one transaction, in which all queries see the same snapshot of the database."""
        async with self.slots:
            connection = await psycopg.AsyncConnection.connect(self._dsn.reveal_current(), **_OPTIONS)
            async with connection:
                await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
                await connection.set_read_only(True)
                await connection.execute(_SET, [list(self._settings), list(self._settings.values())])
                yield connection

    @contextmanager
    def snapshot(self, statement_timeout: str) -> Iterator[psycopg.Connection]:
        """The same for a thread. Whoever starts the thread takes one of the `slots`."""
        settings = self._settings | {"statement_timeout": statement_timeout}
        # Only closed: nothing was written, and to roll back would wait for the end of a COPY that nobody reads on.
        with closing(psycopg.connect(self._dsn.reveal_current(), **_OPTIONS)) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.execute(_SET, [list(settings), list(settings.values())])
            yield connection
