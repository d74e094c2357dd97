"""The tables of a day, partitions of `raw_events` and `packed_events`: names, bounds, creation and removal."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql

from sinks.locks import lock_key
from sinks.sql import read_statements

_SQL = read_statements(__name__)
KEYLESS = _SQL["keyless"]
# One process at a time creates partitions.
_LOCK_CREATION = sql.SQL("select pg_advisory_xact_lock({})").format(lock_key("partitions"))
# Partitions exist this far back and ahead. A client's own id may be seven days old or ten minutes ahead of the
# clock; two weeks ahead leave time to repair maintenance before landing has nowhere to write.
DAYS_BACK = 8
DAYS_AHEAD = 14
HOUR_MS = 3_600_000

# What readers search by besides the primary key: a user's events, and events by time of receipt.
_INDEXES = (
    ("user", sql.SQL("btree (user_key) where user_key is not null")),
    ("received", sql.SQL("brin (received_at)")),
)


def days_to_create(today: date) -> list[date]:
    """The days that must have partitions."""
    return [today + timedelta(days=offset) for offset in range(-DAYS_BACK, DAYS_AHEAD + 1)]


def days_ahead(days: Collection[date], today: date) -> int:
    """How many days after today have a partition, without a gap."""
    ahead = 0
    while today + timedelta(days=ahead + 1) in days:
        ahead += 1
    return ahead


def raw_table_name(day: date) -> str:
    """Name of the day's partition of `raw_events`."""
    return f"raw_events_{day:%Y%m%d}"


def packed_table_name(day: date) -> str:
    """Name of the day's partition of `packed_events`."""
    return f"packed_events_{day:%Y%m%d}"


def hour_of(event_id: bytes) -> int:
    """The hour of the time inside an id, in hours since 1970."""
    return int.from_bytes(event_id[:6], "big") // HOUR_MS


def day_of(event_id: bytes) -> date:
    """The UTC day of the time inside an id."""
    return datetime.fromtimestamp(int.from_bytes(event_id[:6], "big") / 1000, UTC).date()


def ids_and_days(event_ids: Iterable[bytes]) -> dict[str, list[Any]]:
    """Parameters of statements that look for rows by `ids`, and by their `days` read no other partition."""
    ids = list(event_ids)
    return {"ids": [UUID(bytes=event_id) for event_id in ids], "days": sorted({day_of(each) for each in ids})}


def id_bounds(day: date) -> tuple[UUID, UUID]:
    """The smallest id of the day, and the smallest id of the next day."""
    return _first_id(day), _first_id(day + timedelta(days=1))


def create_partitions(connection: psycopg.Connection, days: Sequence[date]) -> None:
    """Create and attach the missing partitions. Unlike `create table … partition of`, this waits for no reader.

    A table that an interrupted step left detached is attached again: the day it holds is still needed.

    The packed partition is created first, long before the day is packed: a query that was planned before the
    partition existed would not see the rows that have moved there by the time it runs.
    """
    _create(connection, "packed_events", days, packed_table_name, _packed_statements)
    _create(connection, "raw_events", days, raw_table_name, _raw_statements)


def attached_days(connection: psycopg.Connection) -> list[date]:
    """The days that have a partition of `raw_events`, whatever its name."""
    return [day for (day,) in connection.execute(_SQL["attached"]).fetchall()]


def detach(connection: psycopg.Connection, day: date) -> None:
    """Detach both tables of a day without blocking readers."""
    for parent, name in (("raw_events", raw_table_name(day)), ("packed_events", packed_table_name(day))):
        # Postgres allows one half-detached partition per table, and this may be the one.
        finish_detaching(connection)
        if connection.execute(_SQL["is_attached"], {"name": name}).fetchone() == (True,):
            _detach(connection, parent, name, "concurrently")


def finish_detaching(connection: psycopg.Connection, only: str | None = None) -> None:
    """Finish detaches that were interrupted, or that timed out waiting for a reader; or `only` that of a table."""
    for parent, name in connection.execute(_SQL["half_detached"]).fetchall():
        if only in (None, name):
            _detach(connection, parent, name, "finalize")


def add_keys(connection: psycopg.Connection) -> list[str]:
    """Give a key to partitions that others attached without one. Return their names.

    Until then an event that is sent twice would be stored twice there. They are days that were restored, long
    after the last copy of an event was sent.
    """
    added = []
    for name, has_other in connection.execute(KEYLESS).fetchall():
        kind = sql.SQL("unique" if has_other else "primary key")
        connection.execute(sql.SQL("alter table {} add {} (event_id)").format(sql.SQL(name), kind))
        added.append(name)
    return added


def drop(connection: psycopg.Connection, day: date) -> int:
    """Drop both detached tables of a day. Return how many events they held."""
    events = 0
    for name, count in (
        (raw_table_name(day), "count(*)"),
        (packed_table_name(day), "coalesce(sum(rows), 0)::bigint"),
    ):
        if table_exists(connection, name):
            table = sql.Identifier(name)
            counting = sql.SQL("select {} from {}").format(sql.SQL(count), table)
            events += (connection.execute(counting).fetchone() or (0,))[0]
            connection.execute(sql.SQL("drop table {}").format(table))
    return events


def table_exists(connection: psycopg.Connection, name: str) -> bool:
    """Whether there is a table of this name."""
    return connection.execute("select to_regclass(%s)", [name]).fetchone() != (None,)


def _first_id(day: date) -> UUID:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UUID(int=int(midnight.timestamp() * 1000) << 80)


def _create(
    connection: psycopg.Connection,
    parent: str,
    days: Sequence[date],
    name_of: Callable[[date], str],
    statements_of: Callable[[date], Sequence[sql.Composed]],
) -> None:
    """Create the missing tables, each like the parent, and run the statements that belong to it."""
    wanted = {"parent": parent, "days": list(days), "names": [name_of(day) for day in days]}
    if not connection.execute(_SQL["missing"], wanted).fetchall():
        return
    create, day_of_name = (
        sql.SQL("create table {} (like {} including all)"),
        dict(zip(wanted["names"], days, strict=True)),
    )
    with connection.transaction():
        connection.execute(_LOCK_CREATION)
        # Another process may have created some while this one waited for the lock.
        for name, exists in connection.execute(_SQL["missing"], wanted).fetchall():
            *others, attach = statements_of(day_of_name[name])
            if exists:
                finish_detaching(connection, name)
            else:
                connection.execute(create.format(sql.Identifier(name), sql.Identifier(parent)))
                for statement in others:
                    connection.execute(statement)
            connection.execute(attach)


def _raw_statements(day: date) -> list[sql.Composed]:
    table, (low, high) = sql.Identifier(raw_table_name(day)), id_bounds(day)
    key = sql.SQL("alter table {} add primary key (event_id)").format(table)
    # Lets the planner skip the partition in queries that name ids, or bounds of ids, and no day.
    check = sql.SQL("alter table {} add check (event_id >= {} and event_id < {})").format(
        table, sql.Literal(str(low)), sql.Literal(str(high))
    )
    indexes = [
        sql.SQL("create index {} on {} using {}").format(
            sql.Identifier(f"{raw_table_name(day)}_{name}"), table, method
        )
        for name, method in _INDEXES
    ]
    values = sql.SQL("from ({}) to ({})").format(sql.Literal(day), sql.Literal(day + timedelta(days=1)))
    return [key, check, *indexes, _attach("raw_events", raw_table_name(day), values)]


def _packed_statements(day: date) -> list[sql.Composed]:
    name, values = packed_table_name(day), sql.SQL("in ({})").format(sql.Literal(day))
    # The planner takes a table that was never analyzed for ten pages; an empty one must not change the plans of a
    # busy day.
    analyze = sql.SQL("analyze {}").format(sql.Identifier(name))
    return [analyze, _attach("packed_events", name, values)]


def _attach(parent: str, name: str, values: sql.Composed) -> sql.Composed:
    statement = sql.SQL("alter table {} attach partition {} for values {}")
    return statement.format(sql.Identifier(parent), sql.Identifier(name), values)


def _detach(
    connection: psycopg.Connection, parent: str, name: str, how: Literal["concurrently", "finalize"]
) -> None:
    statement = sql.SQL("alter table {} detach partition {} {}")
    connection.execute(statement.format(sql.Identifier(parent), sql.Identifier(name), sql.SQL(how)))
