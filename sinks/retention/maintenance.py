"""One round of maintenance: folds the roll-ups, then takes every day through the steps that are due.

A round may be interrupted anywhere: every step commits on its own and is due again until its new state is stored.

Fault tests interrupt `set_state`, `detach`, `drop`, `_close`, `_audit`, `_pack`, `_detach`, `_drop` and
`_reclaim_space` by name; `tests/contracts/test_kill_points.py` fails if one is renamed.
"""

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import psycopg
from psycopg import sql

from service_kit.retention import RetentionSettings
from sinks.locks import lock_key
from sinks.retention import packing, rollups
from sinks.retention.days import add_dropped, load_day, load_days, set_state
from sinks.retention.lifecycle import Day, Step, next_step, plan
from sinks.retention.partitions import (
    add_keys,
    create_partitions,
    days_to_create,
    detach,
    drop,
    finish_detaching,
    packed_table_name,
    raw_table_name,
)
from sinks.sql import read_statements
from sinks.visits.queue import drop_before as drop_visits_before
from sinks.visits.recount import choose_hour, recount, store

log = logging.getLogger(__name__)
_SQL = read_statements(__name__)

_LOCK = lock_key("maintenance")
# Readers and writers never queue longer than this behind us. A step that gets no lock is due again next round.
_LOCK_TIMEOUT = "100ms"
# More than an empty partition and its indexes take.
_MAX_EMPTY_BYTES = 128 * 1024
# A copy is judged when it is read; Kafka retains records of `events` for seven days.
_COPIES = timedelta(days=8)
_CHANGES = timedelta(days=3)
# Bounds the steps that one day takes per round, in case rows keep landing or being erased meanwhile.
_MAX_STEPS = 6


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step that was taken, as a message; `failed` if an operator must look at it.

    `refused` is one that Postgres refused: until it succeeds, a round does not count as finished. After `ended` no
    other step of the day can follow in this round.
    """

    message: str
    failed: bool = False
    refused: bool = False
    ended: bool = False


class AlreadyRunning(Exception):
    """Another process maintains this database at the moment."""


def maintain(connection: psycopg.Connection, *, today: date, retention: RetentionSettings) -> Iterator[StepResult]:
    """Take all steps that are due. The connection must be in autocommit mode."""
    finished = True
    with _exclusive(connection):
        connection.execute(sql.SQL("set lock_timeout = {}").format(_LOCK_TIMEOUT))
        for result in _steps(connection, today, retention):
            finished = finished and not result.refused
            yield result
        if finished:
            connection.execute("update maintained set finished_at = now()")


def _steps(connection: psycopg.Connection, today: date, retention: RetentionSettings) -> Iterator[StepResult]:
    """All steps of a round. What Postgres refuses is reported, and does not stop what comes after it."""
    yield from _attempt(connection, "finishing half-detached days", finish_detaching)
    yield from _attempt(connection, "creating partitions", partial(create_partitions, days=days_to_create(today)))
    yield from _attempt(connection, "giving partitions of others a key", _add_keys)
    yield from _attempt(connection, "folding the hourly roll-up", _fold)
    expire = partial(_expire_dead_letters, today=today, retention_days=retention.retention_days)
    yield from _attempt(connection, "deleting old dead letters", expire)
    forget = partial(_expire_copies, today=today)
    yield from _attempt(connection, "forgetting which copies were counted", forget)
    forget = partial(_expire_changes, today=today)
    yield from _attempt(connection, "forgetting what changed in closed hours", forget)
    yield from _attempt(connection, "recounting visits", _recount_visits)
    for day in load_days(connection):
        yield from _advance(connection, day, today, retention)
    for day in load_days(connection):
        if day.state == "packed" and day.rows == day.packed:
            reclaim = partial(_reclaim_space, table=raw_table_name(day.day))
            yield from _attempt(connection, f"{day.day}: reclaiming space", reclaim)


def _attempt(
    connection: psycopg.Connection, what: str, step: Callable[[psycopg.Connection], StepResult | None]
) -> list[StepResult]:
    """Take a step. Return what there is to say of it."""
    try:
        result = step(connection)
    except psycopg.errors.LockNotAvailable:
        return [StepResult(f"{what} is postponed to the next round, as it is being read or written", ended=True)]
    except psycopg.Error as error:
        if connection.closed:
            raise
        reason = error.diag.message_primary or str(error)
        return [StepResult(f"{what} is refused by Postgres: {reason}", failed=True, refused=True, ended=True)]
    return [] if result is None else [result]


def _expire_dead_letters(connection: psycopg.Connection, today: date, retention_days: int) -> StepResult | None:
    before = today - timedelta(days=retention_days)
    (expired,) = connection.execute(_SQL["expire_dead_letters"], {"before": before}).fetchone() or (0,)
    return StepResult(f"{expired} dead letters deleted at the end of their retention") if expired else None


def _expire_copies(connection: psycopg.Connection, today: date) -> None:
    connection.execute(_SQL["expire_copies"], {"before": today - _COPIES})


def _expire_changes(connection: psycopg.Connection, today: date) -> None:
    connection.execute(_SQL["expire_changes"], {"before": today - _CHANGES})


def _recount_visits(connection: psycopg.Connection) -> StepResult | None:
    """Recount visits of a random hour: rounds find by and by what no single one can afford to look for."""
    found = recount(connection, choose_hour(connection, datetime.now(UTC), random.Random()))
    if found is None:
        return None
    store(connection, found)
    return StepResult(found.sentence, failed=True) if found.differs else None


def _add_keys(connection: psycopg.Connection) -> StepResult | None:
    added = add_keys(connection)
    return StepResult(f"{', '.join(added)} has a key of the event id now") if added else None


def _fold(connection: psycopg.Connection) -> StepResult | None:
    lines = rollups.fold(connection)
    return StepResult(f"{lines} lines of the hourly roll-up folded") if lines else None


def planned(connection: psycopg.Connection, *, today: date, retention: RetentionSettings) -> Iterator[StepResult]:
    """What a round would do, if every step succeeds."""
    for day in load_days(connection):
        for step in plan(day, today, retention):
            yield StepResult(f"{day.day}: would {step}")


def _advance(
    connection: psycopg.Connection, day: Day, today: date, retention: RetentionSettings
) -> Iterator[StepResult]:
    """Take the steps that are due for a day, until one fails or cannot get its lock."""
    for _ in range(_MAX_STEPS):
        step = next_step(day, today, retention)
        if step is None:
            return
        results = _attempt(
            connection, f"{day.day}: {step}", partial(_run_step, step=step, day=day.day, today=today)
        )
        yield from results
        if any(result.failed or result.ended for result in results):
            return
        day = load_day(connection, day.day)


def _run_step(connection: psycopg.Connection, step: Step, day: date, today: date) -> StepResult:
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


def _close(connection: psycopg.Connection, day: date) -> StepResult:
    # Hardly anything is written to the day from here on: one vacuum now saves what autovacuum would do later.
    _vacuum(connection, raw_table_name(day))
    set_state(connection, day, "closed")
    return StepResult(f"{day}: closed")


def _audit(connection: psycopg.Connection, day: date, today: date) -> StepResult:
    rows, expected = rollups.audit(connection, day, today)
    if rows != expected:
        found = f"{rows} rows, but {expected} by its roll-up and erasures"
        return StepResult(f"{day}: does not add up, so it will not be dropped: {found}", failed=True)
    return StepResult(f"{day}: audited, {rows} rows")


def _pack(connection: psycopg.Connection, day: date) -> StepResult:
    try:
        rows = packing.pack(connection, day)
    except packing.PackedRowsDiffer as error:
        return StepResult(str(error), failed=True)
    set_state(connection, day, "packed")
    _vacuum(connection, packed_table_name(day))
    return StepResult(f"{day}: {rows} rows packed")


def _detach(connection: psycopg.Connection, day: date) -> StepResult:
    # The intention is stored first: the tables are not detached in one transaction, and until they are dropped the
    # day's rows are missing from `raw_events` on purpose.
    set_state(connection, day, "detaching")
    detach(connection, day)
    set_state(connection, day, "detached")
    return StepResult(f"{day}: detached")


def _drop(connection: psycopg.Connection, day: date) -> StepResult:
    with connection.transaction():
        # Counted, not taken from the audit: rows may have landed between the audit and the detach.
        drop_visits_before(connection, datetime.combine(day + timedelta(days=1), time(), UTC))
        rows = drop(connection, day)
        packing.forget_day(connection, day)
        add_dropped(connection, day, rows)
    return StepResult(f"{day}: {rows} rows dropped; its roll-ups stay")


def _reclaim_space(connection: psycopg.Connection, table: str) -> None:
    """Give the space of a packed day's hot rows back to the disk, once no snapshot sees them any more."""
    if _size(connection, "pg_total_relation_size", table) <= _MAX_EMPTY_BYTES:
        return
    _vacuum(connection, table)
    try:
        with connection.transaction():
            connection.execute(sql.SQL("lock table {}").format(sql.Identifier(table)))
            # Vacuum removed every page of the table, so no snapshot can see a row in it. Only then is it safe to
            # truncate, which also empties the indexes.
            if _size(connection, "pg_relation_size", table) == 0:
                connection.execute(sql.SQL("truncate {}").format(sql.Identifier(table)))
    except psycopg.errors.LockNotAvailable:
        log.debug("%s is in use; its indexes are truncated next round", table)


def _size(connection: psycopg.Connection, function: str, table: str) -> int:
    query = sql.SQL("select {}(%s)").format(sql.Identifier(function))
    (size,) = connection.execute(query, [table]).fetchone() or (0,)
    return int(size)


def _vacuum(connection: psycopg.Connection, table: str) -> None:
    connection.execute(sql.SQL("vacuum (freeze, analyze, skip_locked) {}").format(sql.Identifier(table)))


@contextmanager
def _exclusive(connection: psycopg.Connection) -> Iterator[None]:
    (locked,) = connection.execute(sql.SQL("select pg_try_advisory_lock({})").format(_LOCK)).fetchone() or (False,)
    if not locked:
        raise AlreadyRunning("another process is maintaining this database")
    try:
        yield
    finally:
        connection.execute(sql.SQL("select pg_advisory_unlock({})").format(_LOCK))
