"""The table `days`: the state of each day, and how many of its rows are packed or dropped."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import psycopg

from sinks.retention.lifecycle import Day, State
from sinks.sql import read_statements

_SQL = read_statements(__name__)


def load_days(connection: psycopg.Connection) -> Sequence[Day]:
    """Every day that has a partition, or that was not dropped completely; oldest first."""
    every_day = {"day": None, "start": None, "end": None}
    return [Day(*row) for row in connection.execute(_SQL["load"], every_day).fetchall()]


def load_day(connection: psycopg.Connection, day: date) -> Day:
    """What is known of one day."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found = connection.execute(
        _SQL["load"], {"day": day, "start": start, "end": start + timedelta(days=1)}
    ).fetchone()
    return Day(*found) if found else Day(day, "dropped", attached=False)


def set_state(connection: psycopg.Connection, day: date, state: State) -> None:
    """Move a day to a state."""
    connection.execute(_SQL["set_state"], {"day": day, "state": state})


def set_audit_result(connection: psycopg.Connection, day: date, state: State, rows: int, today: date) -> None:
    """Store what the audit of a day found."""
    connection.execute(_SQL["set_audit_result"], {"day": day, "state": state, "rows": rows, "today": today})


def add_dropped(connection: psycopg.Connection, day: date, rows: int) -> None:
    """Note that this many rows of a day were dropped."""
    connection.execute(_SQL["add_dropped"], {"day": day, "rows": rows})


def add_packed(connection: psycopg.Connection, day: date, rows: int) -> None:
    """Note that this many more rows of a day are packed; negative where rows were unpacked or erased."""
    connection.execute(_SQL["add_packed"], {"day": day, "rows": rows})


def drop_copies(connection: psycopg.Connection, day: date, rows: int) -> None:
    """Note that this many rows of a day were dropped, as there was another one of each."""
    connection.execute(_SQL["drop_copies"], {"day": day, "rows": rows})
