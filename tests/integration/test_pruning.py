"""Which days a query reads, for filters as people and their tools write them; asked of Postgres, by EXPLAIN ANALYZE."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest

from sinks.postgres.store import PostgresStore
from sinks.retention.packing import pack
from sinks.retention.partitions import create_partitions, day_of
from tests.support.days import Landed

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
TODAY = NOW.date()
AHEAD = 14
WEEK_AGO = NOW - timedelta(days=7)


def iso(moment: datetime) -> str:
    """As Grafana writes a time into a query."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def many_days(store: PostgresStore, connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Two months of days, those before the last week packed; some hold an event."""
    create_partitions(connection, [TODAY - timedelta(days=back) for back in range(60)])
    landed = Landed(store)
    for back in (0, 1, 7, 10, 40):
        landed.on(TODAY - timedelta(days=back), "page_view")
    for back in (10, 40):
        pack(connection, TODAY - timedelta(days=back))
    yield connection


def days_read(connection: psycopg.Connection, query: str, parameters: Any = None) -> dict[str, int]:
    """How many days of raw_events and of packed_events a query reads."""
    plan = connection.execute(
        f"explain (analyze, timing off, summary off) {query}".encode(), parameters
    ).fetchall()
    read = {
        (kind, day)
        for (line,) in plan
        for kind, day in re.findall(r"Scan .*\b(raw|packed)_events_(\d{8})", line)
        if "never executed" not in line
    }
    return {kind: sum(each == kind for each, _day in read) for kind in ("raw", "packed")}


# The condition, and how many days it may read.
FORMS = {
    "a day": (f"day = '{TODAY}'", 1),
    "days": (f"day in ('{TODAY}', '{TODAY - timedelta(days=40)}')", 2),
    "today": ("day = current_date", 1),
    # Days ahead exist, and are empty.
    "the last week": ("day >= current_date - 7", 8 + AHEAD),
    "yesterday": ("day >= current_date - 1 and day < current_date", 1),
    "since a moment": ("day > now() - interval '7 days'", 8 + AHEAD),
    "since a week's begin": ("day >= date_trunc('week', now()) and day <= current_date", 7),
    "Grafana, $__timeFilter(day)": (f"day BETWEEN '{iso(WEEK_AGO)}' AND '{iso(NOW)}'", 8),
    "Grafana, a time and its days": (
        f"occurred_at BETWEEN '{iso(WEEK_AGO)}' AND '{iso(NOW)}' AND day BETWEEN '{iso(WEEK_AGO)}' AND '{iso(NOW)}'",
        8,
    ),
    "Metabase, previous 7 days": (
        '"day" >= CAST((NOW() + INTERVAL \'-7 day\') AS date) AND "day" < CAST(NOW() AS date)',
        7,
    ),
    "Metabase, this month": (
        "\"day\" >= DATE_TRUNC('month', NOW()) AND \"day\" < DATE_TRUNC('month', (NOW() + INTERVAL '1 month'))",
        31,
    ),
    "Superset, last week": (
        f"day >= TO_DATE('{WEEK_AGO.date()}', 'YYYY-MM-DD') AND day < TO_DATE('{TODAY}', 'YYYY-MM-DD')",
        7,
    ),
    "dbt, what was received since": (
        "received_at > (select now() - interval '1 hour')"
        " and day >= ((select now() - interval '1 hour') at time zone 'UTC')::date - 7 and day <= current_date + 1",
        10,
    ),
}


def test_a_filter_on_day_reads_these_days_however_it_is_written(many_days: psycopg.Connection) -> None:
    for name, (condition, limit) in FORMS.items():
        for view in ("events", "page_views"):
            read = days_read(many_days, f"select count(*), max(page) from {view} where {condition}")
            assert max(read.values()) <= limit, (name, view, read)
            assert min(read.values()) > 0, (name, view, read)
    # The last day is included, though its time is midnight.
    condition, _limit = FORMS["Grafana, $__timeFilter(day)"]
    assert many_days.execute(f"select count(*) from events where {condition}".encode()).fetchone() == (3,)


def test_prepared_statements_and_functions_read_these_days(many_days: psycopg.Connection) -> None:
    last_day = f"events_between('{iso(NOW - timedelta(days=1))}', '{iso(NOW)}')"
    assert days_read(many_days, f"select count(*) from {last_day}") == {"raw": 2, "packed": 2}
    relative = "events_between(now() - interval '1 day', now())"
    assert days_read(many_days, f"select count(*) from {relative}") == {"raw": 2, "packed": 2}
    many_days.execute("set plan_cache_mode = force_generic_plan")
    many_days.execute("prepare since (date) as select count(*) from page_views where day between $1 and $1 + 1")
    many_days.execute("prepare period as select count(*) from events_between($1, $2)")
    assert days_read(many_days, f"execute since ('{TODAY - timedelta(days=1)}')") == {"raw": 2, "packed": 2}
    assert days_read(many_days, f"execute period ('{iso(WEEK_AGO)}', '{iso(NOW)}')") == {"raw": 8, "packed": 8}


def test_postgres_has_the_same_day_of_an_id(connection: psycopg.Connection) -> None:
    chosen, ids = Random(1), list[UUID]()
    for day in (0, 1, 20_000, 20_787, 100_000):
        times = (day * 86_400_000, (day + 1) * 86_400_000 - 1)
        ids += [UUID(bytes=time.to_bytes(6, "big") + chosen.randbytes(10)) for time in times]
    found = connection.execute("select day_of(id) from unnest(%s::uuid[]) as id", [ids]).fetchall()
    assert [day for (day,) in found] == [day_of(each.bytes) for each in ids]


def test_an_id_alone_reads_its_day_of_those_that_are_not_packed(many_days: psycopg.Connection) -> None:
    (event_id,) = many_days.execute("select event_uuid from events order by 1 desc limit 1").fetchone() or ()
    assert days_read(many_days, f"select from events where event_uuid = '{event_id}'")["raw"] == 1
    bounds = f"event_uuid between id_from('{iso(WEEK_AGO)}') and id_from('{iso(NOW)}')"
    assert days_read(many_days, f"select from events where {bounds}")["raw"] == 8
    both = f"day = day_of('{event_id}') and event_uuid = '{event_id}'"
    assert days_read(many_days, f"select from events where {both}") == {"raw": 1, "packed": 1}


def test_landing_reads_no_other_day(many_days: psycopg.Connection, store: PostgresStore) -> None:
    """Repeats of a hot event and of a packed one: Postgres itself counts which tables it looks into."""
    landed = Landed(store)
    hot, packed = TODAY - timedelta(days=3), TODAY - timedelta(days=10)

    def count() -> Counter[str]:
        with store._connection.use() as connection:
            for each in (connection, many_days):
                each.execute("select pg_stat_force_next_flush()")
        found = many_days.execute(
            "select right(relname, 8), sum(coalesce(idx_scan, 0) + seq_scan)::int from pg_stat_all_tables"
            " where relname ~ '^(raw|packed)_events_[0-9]+$' and schemaname = 'footfall' group by 1"
        )
        return Counter(dict(found.fetchall()))

    landed.on(hot, "click")
    before = count()
    for _ in range(10):  # often enough for a plan that does not know the parameters
        landed.again(int(NOW.timestamp() * 1000))
    landed.on(packed, "page_view")
    looked_into = count() - before
    assert set(looked_into) == {f"{hot:%Y%m%d}", f"{packed:%Y%m%d}"}
