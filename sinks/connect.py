"""Opens connections to Postgres in which our schema is the only one, also through PgBouncer."""

import select
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg import pq

from service_kit.postgres import PostgresSettings

# Whatever the database or the user says: text is sent and read as UTF-8.
_ENCODING = "utf8"
_CONNECT_SECONDS = 5
# A pooler in transaction mode answers sooner.
_POOL_SECONDS = 2.0
# A pooler accepts connections and answers when a session is free: PgBouncer waits two minutes.
_ANSWER_SECONDS = 15.0
_SET = "select set_config(name, value, {}) from unnest(%s::text[], %s::text[]) as settings (name, value)"


_PROCESS = b"select pg_backend_pid()"


class SessionNeeded(psycopg.OperationalError):
    """A pooler lends our connection to others between transactions: locks, settings, temporary tables and all."""


class NoSession(psycopg.OperationalError):
    """Something accepted our connection, and nobody answers."""


def connect(
    where: PostgresSettings, application: str, settings: Mapping[str, str] | None = None, **options: Any
) -> psycopg.Connection:
    """A connection in autocommit, with these settings of the server; `options` are those of libpq.

    Raise SessionNeeded behind a pooler that would lend the connection to others, NoSession if it has none for us.
    Settings in the startup packet would save a round trip, but PgBouncer refuses them.
    """
    connection = _open(where, application, autocommit=True, **options)
    try:
        _require_session(connection, where)
        values = {"search_path": where.postgres_schema, **(settings or {})}
        connection.execute(_SET.format("false").encode(), [list(values), list(values.values())])
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def reading(where: PostgresSettings, application: str) -> Iterator[psycopg.Connection]:
    """A connection in one transaction that sees one snapshot and cannot write. It works through any pooler."""
    connection = _open(where, application, prepare_threshold=None)
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute(_SET.format("true").encode(), [["search_path"], [where.postgres_schema]])
        yield connection


def _open(where: PostgresSettings, application: str, **options: Any) -> psycopg.Connection:
    return psycopg.connect(
        where.postgres_dsn.reveal_current(),
        connect_timeout=_CONNECT_SECONDS,
        client_encoding=_ENCODING,
        application_name=application,
        **options,
    )


def _require_session(connection: psycopg.Connection, where: PostgresSettings) -> None:
    if _is_pooled_by_transaction(connection, where):
        raise SessionNeeded(
            "There is a pooler in transaction mode in front of Postgres, and sessions are needed: for locks, "
            "temporary tables and settings. Set its pool_mode to session for this user, or connect to Postgres "
            "itself."
        )


def _is_pooled_by_transaction(connection: psycopg.Connection, where: PostgresSettings) -> bool:
    """Whether the server's process changes between the transactions of a connection."""
    mine = _ask(connection.pgconn, _PROCESS, _ANSWER_SECONDS)
    if mine is None:
        raise NoSession(
            f"Postgres accepted a connection and did not answer for {_ANSWER_SECONDS:g} s. A pooler in front of "
            "it may have no session free: each process of the sinks needs five (docs/sinks.md)."
        )
    if mine == connection.info.backend_pid:
        return False  # what the server said at the start: nobody is in between
    with closing(_open(where, "footfall-preflight", autocommit=True)) as other:
        # Given back after our transaction, our process is the next to be used: by the other connection, or else by
        # somebody else.
        try:
            # None: in session mode the pool can be full of sessions, one of which waits for this check.
            theirs = _ask(other.pgconn, b"begin; " + _PROCESS, _POOL_SECONDS)
        except psycopg.OperationalError as error:
            if "statement pooling" in str(error):  # there PgBouncer refuses transactions
                return True
            raise
        return theirs is not None and (theirs == mine or _server_process(connection) != mine)


def _ask(other: pq.abc.PGconn, query: bytes, seconds: float) -> int | None:
    """The number that a query returns; None if there is no answer for so long."""
    other.send_query(query)
    deadline = time.monotonic() + seconds
    process = None
    while True:
        while other.is_busy():
            if not select.select([other.socket], [], [], max(0, deadline - time.monotonic()))[0]:
                return None
            other.consume_input()
        if (result := other.get_result()) is None:
            return process
        if result.status == pq.ExecStatus.TUPLES_OK:
            process = int(result.get_value(0, 0) or 0)
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))


def _server_process(connection: psycopg.Connection) -> int | None:
    found = connection.execute(_PROCESS).fetchone()
    return int(found[0]) if found else None
