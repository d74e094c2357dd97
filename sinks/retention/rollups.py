"""Roll-ups, which outlive the rows: rows counted by hour and visitors by day, and days audited against the counts.

Fault tests interrupt `fold` and `audit` by name; `tests/contracts/test_kill_points.py` fails if one is renamed.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from operator import attrgetter

import psycopg

from sinks.landing.event_row import EventRow
from sinks.retention.content import fold_sums
from sinks.retention.days import load_day, set_audit_result
from sinks.retention.lifecycle import Day, State
from sinks.retention.partitions import hour_of
from sinks.sql import read_statements

_SQL = read_statements(__name__)
_TYPE = attrgetter("event_type")


def count_by_hour(rows: Sequence[EventRow]) -> dict[tuple[int, str], int]:
    """How many rows there are, at least one, of each hour (of the time inside the id) and type."""
    ids = [row.event_id for row in rows]
    first, last = hour_of(min(ids)), hour_of(max(ids))
    if first != last:
        return Counter((hour_of(row.event_id), row.event_type) for row in rows)
    # Nearly always. To ask for the hour of each row costs several times as much.
    return {(first, event_type): count for event_type, count in Counter(map(_TYPE, rows)).items()}


def fold(connection: psycopg.Connection) -> int:
    """Fold the lines that batches appended into the hourly counts. Return how many lines there were."""
    with connection.transaction():
        lines = connection.execute(_SQL["count_deltas"]).fetchone()
        connection.execute(_SQL["fold_deltas"])
        fold_sums(connection)
        connection.execute(_SQL["delete_old_samples"])
    return lines[0] if lines else 0


def audit(connection: psycopg.Connection, day: date, today: date) -> tuple[int, int]:
    """Compare a day's rows with its roll-up and erasures, count its visitors, and store the result.

    Everything is read in one snapshot, because late rows may land meanwhile. Return the rows that are there and
    those that should be. The connection must be in autocommit mode.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        (rows,) = connection.execute(_SQL["count_rows"], {"day": day}).fetchone() or (0,)
        known = load_day(connection, day)
        if rows == known.expected:
            connection.execute(_SQL["count_visitors"], {"day": day})
        set_audit_result(connection, day, _audited_state(rows, known), rows, today)
    return rows, known.expected


def _audited_state(rows: int, known: Day) -> State:
    if rows != known.expected:
        return "differs"
    return "packed" if rows == known.packed > 0 else "audited"
