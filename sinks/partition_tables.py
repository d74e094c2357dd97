"""Makes the daily partitions of `raw_events`."""

from collections.abc import Sequence
from datetime import date

import psycopg
from psycopg import sql

from sinks.partitions import bounds, name_of

# What is asked of a day besides its key: a user's events, and what came in when.
_INDEXES = (("user", "btree", "user_key"), ("received", "brin", "received_at"))


def make_partitions(connection: psycopg.Connection, days: Sequence[date]) -> None:
    """Create and attach those that are missing: unlike `partition of`, this waits for no reader."""
    for day in days:
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(hashtext('footfall partitions'))")
            if connection.execute("select to_regclass(%s)", [name_of(day)]).fetchone() == (None,):
                _make(connection, day)


def _make(connection: psycopg.Connection, day: date) -> None:
    table, (low, high) = sql.Identifier(name_of(day)), bounds(day)
    connection.execute(sql.SQL("create table {} (like raw_events including all)").format(table))
    for name, method, column in _INDEXES:
        index = sql.Identifier(f"{name_of(day)}_{name}")
        create = sql.SQL("create index {} on {} using {} ({})")
        connection.execute(create.format(index, table, sql.SQL(method), sql.Identifier(column)))
    attach = sql.SQL("alter table raw_events attach partition {} for values from ({}) to ({})")
    connection.execute(attach.format(table, sql.Literal(str(low)), sql.Literal(str(high))))
