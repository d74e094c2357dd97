"""The registry of days: what is known of each, from the table `days`, the roll-ups and the catalogue."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import psycopg

from sinks.retention.lifecycle import Day, State

# Rows that are there if nothing was lost: what landed by the roll-up, less what was erased and what was dropped.
_KNOWN = """
with landed as (
    select (hour at time zone 'UTC')::date as day, sum(events)::bigint as rows from events_hourly
    where %(day)s::date is null or hour >= %(start)s and hour < %(end)s group by 1
), erased as (select day, sum(rows)::bigint as rows from erased_rows group by 1
), attached as (
    select to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') as day from pg_inherits
    where inhparent = 'raw_events'::regclass and not inhdetachpending
)
select day, coalesce(days.state, 'open'), coalesce(days.rows, 0), coalesce(days.packed, 0),
    coalesce(landed.rows, 0) - coalesce(erased.rows, 0) - coalesce(days.dropped, 0), days.checked_on,
    attached.day is not null
from attached full join days using (day) left join landed using (day) left join erased using (day)
where coalesce(%(day)s, day) = day and (attached.day is not null or days.state <> 'dropped')
order by day
"""


def known(connection: psycopg.Connection) -> Sequence[Day]:
    """Every day that has a partition, or whose dropping is not done, oldest first."""
    return [Day(*row) for row in connection.execute(_KNOWN, _span(None)).fetchall()]


def known_of(connection: psycopg.Connection, day: date) -> Day:
    """One day."""
    found = connection.execute(_KNOWN, _span(day)).fetchone()
    return Day(*found) if found else Day(day, "dropped", attached=False)


def note(connection: psycopg.Connection, day: date, state: State) -> None:
    """Write down that a day has come to a state."""
    connection.execute(
        "insert into days (day, state, rows) values (%s, %s, 0) on conflict (day) do update"
        " set state = excluded.state, changed_at = now()",
        [day, state],
    )


def note_audit(connection: psycopg.Connection, day: date, outcome: State, rows: int, today: date) -> None:
    """Write down what the audit of a day found."""
    connection.execute(
        "insert into days (day, state, rows, checked_on) values (%s, %s, %s, %s) on conflict (day) do update"
        " set state = excluded.state, rows = excluded.rows, checked_on = excluded.checked_on, changed_at = now()",
        [day, outcome, rows, today],
    )


def note_dropped(connection: psycopg.Connection, day: date, rows: int) -> None:
    """Write down that so many rows of a day are gone for good."""
    connection.execute(
        "update days set state = 'dropped', dropped = dropped + %s, rows = dropped + %s, packed = 0,"
        " changed_at = now() where day = %s",
        [rows, rows, day],
    )


def add_packed(connection: psycopg.Connection, day: date, rows: int) -> None:
    """Write down that so many more rows of a day are packed; less than none where rows were taken out."""
    connection.execute(
        "insert into days (day, state, rows, packed) values (%s, 'closed', 0, %s) on conflict (day) do update"
        " set packed = days.packed + excluded.packed, changed_at = now()",
        [day, rows],
    )


def hours_of(day: date) -> tuple[datetime, datetime]:
    """When a day begins, and when it ends."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def _span(day: date | None) -> dict[str, object]:
    start, end = hours_of(day) if day else (None, None)
    return {"day": day, "start": start, "end": end}
