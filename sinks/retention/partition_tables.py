"""Makes and removes the tables of a day: its partition of `raw_events`, and that of `packed_events`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import psycopg
from psycopg import sql

from sinks.retention.partitions import bounds, day_named, name_of, packed_name_of

# What is asked of a day besides its key: a user's events, and what came in when.
_INDEXES = (("user", "btree", "user_key"), ("received", "brin", "received_at"))


def make_partitions(connection: psycopg.Connection, days: Sequence[date]) -> None:
    """Create and attach those that are missing: unlike `partition of`, this waits for no reader.

    The one for packed rows comes first, so days before it is used: a query that was planned before there was a
    partition does not see the rows that have moved there by the time it runs.
    """
    _make(connection, "packed_events", {packed_name_of(day): _packed_statements(day) for day in days})
    _make(connection, "raw_events", {name_of(day): _raw_statements(day) for day in days})


def detach(connection: psycopg.Connection, day: date) -> None:
    """Take both tables of a day off without stopping readers."""
    for parent, name in (("raw_events", name_of(day)), ("packed_events", packed_name_of(day))):
        # Postgres has only one half detached at a time, and this may be it.
        finish_detaching(connection)
        if connection.execute("select from pg_inherits where inhrelid = to_regclass(%s)", [name]).fetchone():
            _detach(connection, parent, name, "concurrently")


def finish_detaching(connection: psycopg.Connection) -> None:
    """Take off what is half detached, as somebody read it for long or the lights went out."""
    pending = connection.execute(
        "select inhparent::regclass::text, inhrelid::regclass::text from pg_inherits where inhdetachpending"
        " and inhparent in ('raw_events'::regclass, 'packed_events'::regclass)"
    )
    for parent, name in pending.fetchall():
        _detach(connection, parent, name, "finalize")


def _detach(connection: psycopg.Connection, parent: str, name: str, how: str) -> None:
    statement = sql.SQL("alter table {} detach partition {} " + how)
    connection.execute(statement.format(sql.Identifier(parent), sql.Identifier(name)))


def drop(connection: psycopg.Connection, day: date) -> int:
    """Remove both tables of a day that are detached; how many rows they had."""
    rows = 0
    for name, count in ((name_of(day), "count(*)"), (packed_name_of(day), "coalesce(sum(rows), 0)::bigint")):
        if exists(connection, name):
            table = sql.Identifier(name)
            counting = sql.SQL("select " + count + " from {}").format(table)
            rows += (connection.execute(counting).fetchone() or (0,))[0]
            connection.execute(sql.SQL("drop table {}").format(table))
    return rows


def days_attached(connection: psycopg.Connection) -> list[date]:
    """The days that have a partition of `raw_events`."""
    found = connection.execute(
        "select inhrelid::regclass::text from pg_inherits"
        " where inhparent = 'raw_events'::regclass and not inhdetachpending"
    )
    return [day_named(name) for (name,) in found.fetchall()]


def exists(connection: psycopg.Connection, name: str) -> bool:
    """Whether there is a table of this name."""
    return connection.execute("select to_regclass(%s)", [name]).fetchone() != (None,)


def _make(connection: psycopg.Connection, parent: str, finish: Mapping[str, Sequence[sql.Composed]]) -> None:
    """Create tables like the parent, and finish each by these statements."""
    if not _missing(connection, finish):
        return
    create = sql.SQL("create table {} (like {} including all)")
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('footfall partitions'))")
        for name in _missing(connection, finish):
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(parent)))
            for statement in finish[name]:
                connection.execute(statement)


def _missing(connection: psycopg.Connection, names: Iterable[str]) -> list[str]:
    found = connection.execute(
        "select name from unnest(%s::text[]) as name where to_regclass(name) is null", [list(names)]
    )
    return [name for (name,) in found.fetchall()]


def _raw_statements(day: date) -> list[sql.Composed]:
    table, (low, high) = sql.Identifier(name_of(day)), bounds(day)
    # What the planner needs to pass over the day where a query filters by `day`.
    check = sql.SQL("alter table {} add check (day_of(event_id) = {})").format(table, sql.Literal(day))
    indexes = [
        sql.SQL("create index {} on {} using {} ({})").format(
            sql.Identifier(f"{name_of(day)}_{name}"), table, sql.SQL(method), sql.Identifier(column)
        )
        for name, method, column in _INDEXES
    ]
    values = sql.SQL("from ({}) to ({})").format(sql.Literal(str(low)), sql.Literal(str(high)))
    return [check, *indexes, _attach("raw_events", name_of(day), values)]


def _packed_statements(day: date) -> list[sql.Composed]:
    name, values = packed_name_of(day), sql.SQL("in ({})").format(sql.Literal(day))
    # What was never analyzed is taken for ten pages, and an empty one must not change the plans of a busy day.
    analyze = sql.SQL("analyze {}").format(sql.Identifier(name))
    return [analyze, _attach("packed_events", name, values)]


def _attach(parent: str, name: str, values: sql.Composed) -> sql.Composed:
    statement = sql.SQL("alter table {} attach partition {} for values {}")
    return statement.format(sql.Identifier(parent), sql.Identifier(name), values)
