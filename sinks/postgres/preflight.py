"""One look at the database before anything lands: what would go wrong later, and what to do, a sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from sinks.connect import connect
from sinks.sql import read_statements

_SQL = read_statements(__name__)
_MIN_VERSION = 150_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a look at the database finds. `without_key` are tables of ours that cannot be replicated."""

    database: str
    user: str
    version: int
    encoding: str
    may_create_temporary: bool
    pooled_by_transaction: bool
    may_create_partitions: bool
    default_partitions: Sequence[str] = ()


def faults(facts: Facts) -> list[str]:
    """Why nothing may land here."""
    found = []
    if facts.encoding != "UTF8":
        found.append(
            f"The database {facts.database} has the encoding {facts.encoding}, in which text would be damaged. "
            f"Create one with: create database {facts.database} encoding 'UTF8' locale 'C' template template0."
        )
    if facts.pooled_by_transaction:
        found.append(
            "There is a pooler in transaction mode in front of Postgres, and sessions are needed: for "
            "locks, temporary tables and settings. Set its pool_mode to session for this user, or connect to "
            "Postgres itself."
        )
    if facts.version < _MIN_VERSION:
        found.append(f"Postgres 15 or newer is needed; this is {facts.version // 10_000}.")
    if not facts.may_create_temporary:
        found.append(
            f"The user {facts.user} may create no temporary tables, through which events that are sent twice "
            f"land: grant temporary on database {facts.database} to {facts.user}."
        )
    return found


def warnings(facts: Facts) -> list[str]:
    """What works now and makes trouble later."""
    found = []
    if not facts.may_create_partitions:
        found.append(
            f"The user {facts.user} may not create the partitions of the next days: run "
            "`python -m sinks maintain` every hour as the owner of the tables."
        )
    if facts.default_partitions:
        found.append(
            f"{', '.join(facts.default_partitions)} takes events of days without a partition, and old days cannot "
            "be dropped while it is there: detach it, and move its rows."
        )
    return found


def look(connection: psycopg.Connection, dsn: str) -> Facts:
    """Look at the database of this connection, for which another one is opened for a moment."""
    row = connection.execute(_SQL["facts"]).fetchone()
    assert row
    database, user, version, encoding, may_create_temporary, may_create_partitions, defaults = row
    return Facts(
        database=database,
        user=user,
        version=version,
        encoding=encoding,
        may_create_temporary=may_create_temporary,
        may_create_partitions=may_create_partitions,
        default_partitions=defaults,
        pooled_by_transaction=_is_pooled_by_transaction(connection, dsn),
    )


def _is_pooled_by_transaction(connection: psycopg.Connection, dsn: str) -> bool:
    """Whether the server's process changes between the transactions of a connection."""
    mine = _server_process(connection)
    if mine == connection.info.backend_pid:
        return False  # what the server said at the start: nobody is in between
    with connect(dsn, "footfall-preflight", {}) as other, other.transaction():
        # Given back after our transaction, our process is the next to be used: by the other connection, or else by
        # somebody else.
        return mine in (_server_process(other), None) or _server_process(connection) != mine


def _server_process(connection: psycopg.Connection) -> int | None:
    found = connection.execute("select pg_backend_pid()").fetchone()
    return int(found[0]) if found else None
