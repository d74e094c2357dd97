"""One round of maintenance: roll-ups folded, every day taken as far as it is due. It may be cut off anywhere."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql

from service_kit.retention import RetentionSettings
from sinks.retention import packing, rollups
from sinks.retention.days import known, known_of, note, note_dropped
from sinks.retention.lifecycle import Day, Step, next_step, plan
from sinks.retention.partition_tables import detach, drop, finish_detaching, make_partitions
from sinks.retention.partitions import name_of, packed_name_of, wanted

log = logging.getLogger(__name__)

# Any number, the same in every process of ours.
_LOCK = 0x6D61696E74
# Readers and writers never wait longer than this for us; we try again at the next round.
_LOCK_TIMEOUT = "100ms"
# More than an empty partition and its indexes take.
_SIZE_EMPTY = 128 * 1024
# A day takes each step once a round: what changes meanwhile waits for the next.
_MAX_STEPS = 6


@dataclass(frozen=True, slots=True)
class Done:
    """A step of the round, in words; `fault` where a person must look."""

    what: str
    fault: bool = False


class Busy(Exception):
    """Another process maintains this database now."""


def maintain(connection: psycopg.Connection, *, today: date, retention: RetentionSettings) -> Iterator[Done]:
    """Do what is due. The connection must be in autocommit."""
    with _alone(connection):
        connection.execute(sql.SQL("set lock_timeout = {}").format(_LOCK_TIMEOUT))
        try:
            finish_detaching(connection)
        except psycopg.errors.LockNotAvailable:
            yield Done("a day that is half detached waits for somebody who reads; next time")
        make_partitions(connection, wanted(today))
        if lines := rollups.fold(connection):
            yield Done(f"{lines} lines of the hourly roll-up moved on")
        for day in known(connection):
            yield from _advance(connection, day, today, retention)
        for day in known(connection):
            if day.state == "packed" and day.rows == day.packed:
                _give_back(connection, name_of(day.day))
        connection.execute("update maintained set finished_at = now()")


def due(connection: psycopg.Connection, *, today: date, retention: RetentionSettings) -> Iterator[Done]:
    """What a round would do, if all goes well."""
    for day in known(connection):
        for step in plan(day, today, retention):
            yield Done(f"{day.day}: would {step}")


def _advance(
    connection: psycopg.Connection, day: Day, today: date, retention: RetentionSettings
) -> Iterator[Done]:
    for _ in range(_MAX_STEPS):
        step = next_step(day, today, retention)
        if step is None:
            return
        try:
            done = _take(connection, step, day.day, today)
        except psycopg.errors.LockNotAvailable:
            yield Done(f"{day.day}: {step} waits for somebody who reads or writes; next time")
            return
        yield done
        if done.fault:
            return
        day = known_of(connection, day.day)


def _take(connection: psycopg.Connection, step: Step, day: date, today: date) -> Done:
    match step:
        case "close":
            return _close(connection, day)
        case "audit":
            return _audit(connection, day, today)
        case "pack":
            return _pack(connection, day)
        case "detach":
            return _detach(connection, day)
        case "drop":
            return _drop(connection, day)


def _close(connection: psycopg.Connection, day: date) -> Done:
    """Little is written to it any more: what autovacuum would do is done once."""
    _vacuum(connection, name_of(day))
    note(connection, day, "closed")
    return Done(f"{day}: closed")


def _audit(connection: psycopg.Connection, day: date, today: date) -> Done:
    rows, expected = rollups.audit(connection, day, today)
    if rows != expected:
        said = f"{day}: kept, as {rows} rows are there, and {expected} by its roll-up and erasures"
        return Done(said, fault=True)
    return Done(f"{day}: audited, {rows} rows")


def _pack(connection: psycopg.Connection, day: date) -> Done:
    try:
        rows = packing.pack(connection, day)
    except packing.NotTheSame as error:
        return Done(str(error), fault=True)
    note(connection, day, "packed")
    _vacuum(connection, packed_name_of(day))
    return Done(f"{day}: {rows} rows packed")


def _detach(connection: psycopg.Connection, day: date) -> Done:
    """Take the tables off without stopping readers; the intention is noted first."""
    note(connection, day, "detaching")
    detach(connection, day)
    note(connection, day, "detached")
    return Done(f"{day}: detached")


def _drop(connection: psycopg.Connection, day: date) -> Done:
    with connection.transaction():
        # Counted, not believed: something may have landed between the audit and the detaching.
        rows = drop(connection, day)
        note_dropped(connection, day, rows)
    return Done(f"{day}: {rows} rows dropped; their roll-ups stay")


def _give_back(connection: psycopg.Connection, table: str) -> None:
    """Let the disk have what packed rows have left behind, as soon as nobody can see those any more."""
    if _size(connection, "pg_total_relation_size", table) <= _SIZE_EMPTY:
        return
    _vacuum(connection, table)
    try:
        with connection.transaction():
            connection.execute(sql.SQL("lock table {}").format(sql.Identifier(table)))
            # Vacuum has taken all its pages, so no snapshot has a row here, and only the indexes still have pages.
            if _size(connection, "pg_relation_size", table) == 0:
                connection.execute(sql.SQL("truncate {}").format(sql.Identifier(table)))
    except psycopg.errors.LockNotAvailable:
        log.debug("%s is in use; its indexes go at the next round", table)


def _size(connection: psycopg.Connection, how: str, table: str) -> int:
    (found,) = connection.execute(sql.SQL("select {}(%s)").format(sql.Identifier(how)), [table]).fetchone() or (0,)
    return int(found)


def _vacuum(connection: psycopg.Connection, table: str) -> None:
    connection.execute(sql.SQL("vacuum (freeze, analyze, skip_locked) {}").format(sql.Identifier(table)))


@contextmanager
def _alone(connection: psycopg.Connection) -> Iterator[None]:
    (got,) = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone() or (False,)
    if not got:
        raise Busy("another process maintains this database now")
    try:
        yield
    finally:
        connection.execute("select pg_advisory_unlock(%s)", [_LOCK])
