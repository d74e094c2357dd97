"""Roll-ups that outlive the rows: deltas folded by hour, visitors counted by day; and days proved against them."""

from datetime import date

import psycopg

from sinks.retention.days import known_of, note_audit
from sinks.retention.lifecycle import Day, State
from sinks.retention.partitions import bounds

_FOLD = """
with moved as (delete from hourly_deltas returning hour, event_type, events)
insert into hourly_counts (hour, event_type, events)
select hour, event_type, sum(events) from moved group by 1, 2
on conflict (hour, event_type) do update set events = hourly_counts.events + excluded.events
"""
# A user who was erased since stays counted: a count of visitors never falls.
_VISITORS = """
insert into daily_counts (day, event_type, users, sessions)
select %(day)s::date, event_type, count(distinct user_key), count(distinct session_key)
from stored_events where day = %(day)s and event_id >= %(low)s and event_id < %(high)s
group by grouping sets ((event_type), ())
on conflict (day, event_type) do update set
    users = greatest(daily_counts.users, excluded.users),
    sessions = greatest(daily_counts.sessions, excluded.sessions)
"""
_ROWS = """
select count(*)::bigint from stored_events where day = %(day)s and event_id >= %(low)s and event_id < %(high)s
"""


def fold(connection: psycopg.Connection) -> int:
    """Add the new lines to the hours they are of; how many lines that were."""
    with connection.transaction():
        lines = connection.execute("select count(*) from hourly_deltas").fetchone()
        connection.execute(_FOLD)
    return lines[0] if lines else 0


def audit(connection: psycopg.Connection, day: date, today: date) -> tuple[int, int]:
    """Compare rows with roll-up and erasures, and count visitors, in one view of the database; note the outcome.

    What is returned: rows that are there, and rows that there should be. The connection must be in autocommit.
    """
    low, high = bounds(day)
    span = {"day": day, "low": low, "high": high}
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        (rows,) = connection.execute(_ROWS, span).fetchone() or (0,)
        known = known_of(connection, day)
        if rows == known.expected:
            connection.execute(_VISITORS, span)
        note_audit(connection, day, _outcome(rows, known), rows, today)
    return rows, known.expected


def _outcome(rows: int, known: Day) -> State:
    if rows != known.expected:
        return "differs"
    return "packed" if rows == known.packed > 0 else "audited"
