"""One round of maintenance: roll-ups folded, days audited, old ones dropped. It may be cut off anywhere."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg import sql

from sinks.partition_tables import make_partitions
from sinks.partitions import day_named, name_of, wanted
from sinks.retention import Due, State, due

log = logging.getLogger(__name__)

# Any number, the same in every process of ours.
_LOCK = 0x6D61696E74
# Readers and writers never wait longer than this for us; we try again at the next round.
_LOCK_TIMEOUT = "100ms"


@dataclass(frozen=True, slots=True)
class Done:
    """A step of the round, in words; `fault` where a person must look."""

    what: str
    fault: bool = False


class Busy(Exception):
    """Another process maintains this database now."""


def maintain(
    connection: psycopg.Connection, *, today: date, keep_days: int, dry_run: bool = False
) -> Iterator[Done]:
    """Do what is due. The connection must be in autocommit."""
    with _alone(connection):
        connection.execute(sql.SQL("set lock_timeout = {}").format(_LOCK_TIMEOUT))
        if not dry_run:
            make_partitions(connection, wanted(today))
            yield from _fold(connection)
        for step in due(_attached(connection), _states(connection), _pending(connection), today, keep_days):
            if dry_run:
                yield Done(f"{step.day}: would {step.step}")
                continue
            try:
                yield from _take(connection, step)
            except psycopg.errors.LockNotAvailable:
                yield Done(f"{step.day}: {step.step} waits for somebody who reads or writes; next time")


def _take(connection: psycopg.Connection, step: Due) -> Iterator[Done]:
    if step.step == "audit":
        yield _audit(connection, step.day)
    elif _states(connection).get(step.day) == "differs":
        yield Done(f"{step.day}: kept, as its rows and its roll-up differ", fault=True)
    else:
        if step.step == "detach":
            _detach(connection, step.day)
        yield _drop(connection, step.day)


def _fold(connection: psycopg.Connection) -> Iterator[Done]:
    with connection.transaction():
        folded = connection.execute(
            "with moved as (delete from hourly_deltas returning hour, event_type, events)"
            " insert into hourly_counts (hour, event_type, events)"
            " select hour, event_type, sum(events) from moved group by 1, 2"
            " on conflict (hour, event_type) do update set events = hourly_counts.events + excluded.events"
        ).rowcount
    if folded:
        yield Done(f"{folded} lines of the hourly roll-up moved on")


def _audit(connection: psycopg.Connection, day: date) -> Done:
    """Compare rows with roll-up and erasures, in one view of the database, and note the outcome."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        count = sql.SQL("select count(*) from {}").format(sql.Identifier(name_of(day)))
        (rows,) = connection.execute(count).fetchone() or (0,)
        (expected,) = connection.execute(
            "select (select coalesce(sum(events), 0) from events_hourly where hour >= %s and hour < %s)"
            " - (select coalesce(sum(rows), 0) from erased_rows where day = %s)",
            [start, start + timedelta(days=1), day],
        ).fetchone() or (0,)
        state: State = "audited" if rows == expected else "differs"
        _note(connection, day, state, rows)
    if state == "differs":
        return Done(f"{day}: {rows} rows are there, {expected} by its roll-up and erasures", fault=True)
    return Done(f"{day}: audited, {rows} rows")


def _detach(connection: psycopg.Connection, day: date) -> None:
    """Take the partition off without stopping readers; the intention is noted first."""
    connection.execute("update days set state = 'detaching', changed_at = now() where day = %s", [day])
    pending = day in _pending(connection)
    how = "finalize" if pending else "concurrently"
    statement = sql.SQL("alter table raw_events detach partition {} " + how)
    connection.execute(statement.format(sql.Identifier(name_of(day))))


def _drop(connection: psycopg.Connection, day: date) -> Done:
    table = sql.Identifier(name_of(day))
    with connection.transaction():
        # Counted again: something may have landed between the audit and the detaching.
        count = sql.SQL("select count(*) from {}").format(table)
        (rows,) = connection.execute(count).fetchone() or (0,)
        connection.execute(sql.SQL("drop table {}").format(table))
        _note(connection, day, "dropped", rows)
    return Done(f"{day}: {rows} rows dropped; their roll-up stays")


def _note(connection: psycopg.Connection, day: date, state: State, rows: int) -> None:
    connection.execute(
        "insert into days (day, state, rows) values (%s, %s, %s) on conflict (day) do update"
        " set state = excluded.state, rows = excluded.rows, changed_at = now()",
        [day, state, rows],
    )


def _attached(connection: psycopg.Connection) -> list[date]:
    return _children(connection, pending=False)


def _pending(connection: psycopg.Connection) -> list[date]:
    return _children(connection, pending=True)


def _children(connection: psycopg.Connection, *, pending: bool) -> list[date]:
    found = connection.execute(
        "select inhrelid::regclass::text from pg_inherits"
        " where inhparent = 'raw_events'::regclass and inhdetachpending = %s",
        [pending],
    )
    return [day_named(name) for (name,) in found.fetchall()]


def _states(connection: psycopg.Connection) -> dict[date, State]:
    return dict(connection.execute("select day, state from days").fetchall())


@contextmanager
def _alone(connection: psycopg.Connection) -> Iterator[None]:
    (got,) = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone() or (False,)
    if not got:
        raise Busy("another process maintains this database now")
    try:
        yield
    finally:
        connection.execute("select pg_advisory_unlock(%s)", [_LOCK])
