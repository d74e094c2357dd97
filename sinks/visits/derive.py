"""Derives people and visits from the rows that landed or were removed.

Landing adds the ids of a batch's rows to `visit_queue`, in their transaction; whoever removes rows adds what
was removed. A step takes some entries, derives whatever these events touch, and commits. So visits are a
function of the rows: the order in which events arrive, and how they are divided into steps, make no difference.

Most events are the newest of their browser and person, and are put at the end of what is there (`newest`). What
anything else touches is made again (`remake`). `visit_parts` holds the events of a person on a browser without a
gap, so neither reads more rows.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from sinks.sql import read_statements
from sinks.visits import newest, remake
from sinks.visits.remake import Remake

# Of a step: more do not fit the memory of a connection, and a crash would take back more.
MAX_EVENTS = 150_000
# People are far from this, even in an application that they use all day and that sends every click.
MAX_EVENTS_PER_DAY = 10_000

_SQL = read_statements(__name__)
_PARTS = {"input": _SQL["input"], "of_people": _SQL["of_people"]}
_READ_LANDED, _READ_AGAIN = (_SQL[name].format(**_PARTS) for name in ("read_landed", "read_again"))


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did: the entries of the queue that it took, their events, and how long that was.

    `put`: browsers whose events were put at the end; `made`: those whose parts and visits were made again.
    `rereading`: some of it was rows that are read again.
    """

    entries: int = 0
    events: int = 0
    seconds: float = 0.0
    put: int = 0
    made: int = 0
    rereading: bool = False


def step(
    connection: psycopg.Connection,
    *,
    wait: bool = False,
    max_events: int = MAX_EVENTS,
    max_events_per_day: int = MAX_EVENTS_PER_DAY,
) -> Step:
    """Take the oldest entries of the queue and derive what they touch, in one transaction.

    Nothing is taken while another process does the same, unless `wait`. The connection must be in autocommit mode.
    """
    started = time.monotonic()
    connection.execute(_SQL["create_tables"].as_bytes())
    newest.create_table(connection)
    remake.create_tables(connection)
    with connection.transaction():
        if wait:
            # Maintenance waits for no lock this long elsewhere; here a step of others ends soon.
            connection.execute(_SQL["wait_longer"])
            connection.execute(_SQL["lock"])
        elif connection.execute(_SQL["try_lock"]).fetchone() != (True,):
            return Step()
        gap, oldest, view, quiet = connection.execute(_SQL["progress"]).fetchone() or (None,) * 4
        if gap is None:
            return Step()
        connection.execute(_SQL["take"], {"max_events": max_events})
        entries, events, removed, again = connection.execute(_SQL["taken"]).fetchone() or (0, 0, False, False)
        put = made = 0
        if entries:
            parameters = {
                "gap": gap,
                "oldest": oldest,
                "view": view,
                "quiet": quiet,
                "max_per_day": max_events_per_day,
            }
            put, made = _derive(connection, parameters, removed=removed, again=again)
    return Step(entries, events, time.monotonic() - started, put, made, again)


def drain(connection: psycopg.Connection) -> int:
    """Derive everything that landed or was removed until now. Return how many steps it took."""
    steps = 0
    while connection.execute(_SQL["pending"]).fetchone() == (True,) and step(connection, wait=True).entries:
        steps += 1
    return steps


def _derive(
    connection: psycopg.Connection, parameters: Mapping[str, object], *, removed: bool, again: bool
) -> tuple[int, int]:
    """Return of how many browsers events were put at the end, and of how many parts and visits were made again."""
    remaking, put = Remake(connection, parameters), 0
    rows = _read(connection, parameters, again=again)
    remaking.leave_out()
    # Hours that are read again are not the newest, and often empty.
    if rows and not (again or removed):
        put = newest.put(connection, parameters)
    if made := remaking.touch(removed=removed):
        remaking.make_parts(removed=removed)
        remaking.make_visits()
    if remaking.too_old or remaking.flooded:
        connection.execute(_SQL["note"], {"too_old": remaking.too_old, "flooded": remaking.flooded})
    return put, made


def _read(connection: psycopg.Connection, parameters: Mapping[str, object], *, again: bool) -> int:
    """Read the rows, as far as they are of people. Return how many there are."""
    rows = 0
    for (day,) in connection.execute(_SQL["landed_days"]).fetchall():
        rows += connection.execute(_READ_LANDED, {**parameters, "day": day}).rowcount
    return rows + connection.execute(_READ_AGAIN, parameters).rowcount if again else rows
