"""Derives people and visits from the rows that landed or were removed.

Landing adds the ids of a batch's rows to `visit_queue`, in their transaction; whoever removes rows adds what
was removed. A step takes some entries, makes again whatever these events touch, and commits. So visits are a
function of the rows: the order in which events arrive, and how they are divided into steps, make no difference.

What a step makes again it finds by index: `visit_parts` holds the events of a person on a browser without a gap.
First the runs of the browsers that are touched, which tells whose each event is; then the visits of the persons
whose parts these were, or are.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from sinks.sql import read_statements

# Of a step: more do not fit the memory of a connection, and a crash would take back more.
MAX_EVENTS = 50_000
# People are far from this, even in an application that they use all day and that sends every click.
MAX_EVENTS_PER_DAY = 10_000

_EPOCH = datetime.fromtimestamp(0, UTC)
_SQL = read_statements(__name__)
_PARTS = {"input": _SQL["input"], "of_people": _SQL["of_people"]}
_READ_LANDED, _READ_AGAIN = (_SQL[name].format(**_PARTS) for name in ("read_landed", "read_again"))
_COLUMNS = (
    "person",
    "is_user",
    "started_at",
    "ended_at",
    "chain_started_at",
    "chain_ended_at",
    "views",
    "events",
    "interactions",
    "pages",
    "types",
    "context",
    "arrival",
)
_REPLACE_VISITS = _SQL["replace_visits"].format(
    columns=sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
    excluded=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in _COLUMNS),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did: the entries of the queue that it took, their events, and how long that was.

    `rereading`: some of it was rows that are read again.
    """

    entries: int
    events: int
    seconds: float
    rereading: bool = False


NOTHING = Step(0, 0, 0.0)


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
    with connection.transaction():
        if wait:
            # Maintenance waits for no lock this long elsewhere; here a step of others ends soon.
            connection.execute(_SQL["wait_longer"])
            connection.execute(_SQL["lock"])
        elif connection.execute(_SQL["try_lock"]).fetchone() != (True,):
            return NOTHING
        gap, oldest = _progress(connection)
        if gap is None:
            return NOTHING
        connection.execute(_SQL["take"], {"max_events": max_events})
        entries, events, removed, again = connection.execute(_SQL["taken"]).fetchone() or (0, 0, False, False)
        if entries:
            work = _Work(connection, gap, oldest, max_events_per_day)
            # Hours that are read again are often empty.
            if work.read(again=again) or removed:
                work.make_parts(removed=removed)
                work.make_visits()
            work.note()
    return Step(entries, events, time.monotonic() - started, again)


def drain(connection: psycopg.Connection) -> int:
    """Derive everything that landed or was removed until now. Return how many steps it took."""
    steps = 0
    while connection.execute(_SQL["pending"]).fetchone() == (True,) and step(connection, wait=True).entries:
        steps += 1
    return steps


def _progress(connection: psycopg.Connection) -> tuple[timedelta | None, datetime]:
    return connection.execute(_SQL["progress"]).fetchone() or (None, _EPOCH)


class _Work:
    """The statements of a step, in their order."""

    def __init__(self, connection: psycopg.Connection, gap: timedelta, oldest: datetime, max_per_day: int) -> None:
        self._connection = connection
        self._gap = {"gap": gap}
        self._oldest = {"oldest": oldest}
        self._max_per_day = {"max_events": max_per_day}
        view, quiet = connection.execute(_SQL["types"]).fetchone() or (0, [])
        self._types = {"view": view, "quiet": quiet}
        self._too_old = self._flooded = 0

    def read(self, *, again: bool) -> int:
        """Read the rows, as far as they are of people. Return how many there are."""
        rows = self._connection.execute(_READ_LANDED, self._types).rowcount
        if again:
            rows += self._connection.execute(_READ_AGAIN, self._types).rowcount
        self._too_old += self._run("leave_out_old", self._oldest)
        self._flooded += self._run("leave_out_flooded")
        return rows

    def make_parts(self, *, removed: bool) -> None:
        """Make the parts on each browser again, and note whose they were and are."""
        self._run("touch", self._gap)
        if removed:
            self._run("touch_removed")
        self._run("link")
        self._run("take_parts")
        if removed:
            self._run("leave_out_removed")
            self._run("leave_out_old", self._oldest)
            self._run("forget_links", self._oldest)
        self._run("find_runs", self._gap)
        if self._run("find_floods", self._max_per_day):
            self._flooded += self._run("leave_out_flooded")
            self._run("forget_runs")
            self._run("find_runs", self._gap)
        self._run("find_owners")
        self._run("make_parts")
        if self._connection.execute(_SQL["are_shared"]).fetchone() == (True,):
            self._run("make_shared_parts", self._gap)

    def make_visits(self) -> None:
        """Make the visits of these persons again."""
        self._run("find_visits", self._gap)
        self._run("make_visits", {**self._gap, **self._types})
        self._connection.execute(_REPLACE_VISITS)

    def note(self) -> None:
        """Note how many events are in no visit."""
        if self._too_old or self._flooded:
            self._run("note", {"too_old": self._too_old, "flooded": self._flooded})

    def _run(self, name: str, parameters: Mapping[str, object] | None = None) -> int:
        return self._connection.execute(_SQL[name], parameters).rowcount
