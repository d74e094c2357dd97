"""Measures what deriving visits costs Postgres: CPU of its process per event that landed.

footfall bench visits
python -m benchmarks.visits 120    # at last 5,000 events per second for so many seconds, while the thread of the sinks derives them

Visitors send three events per minute for some minutes, each from a browser of its own: a step per minute, as at 400
events per second. Then one late event each: that makes its visit again.
"""

import sys
import time
import uuid
from datetime import UTC, datetime, timedelta

import psutil
import psycopg
from psycopg import conninfo, sql

from benchmarks.parts import database
from sinks.postgres.store import PostgresStore
from sinks.visits import queue
from sinks.visits.derive import step
from sinks.visits.deriver import SETTINGS, Deriver
from tests.support.database import at

VISITORS, EVENTS_PER_MINUTE, MINUTES = 8_000, 3, 5
GAP = timedelta(minutes=30)
RATE, BROWSERS = 5_000, 100_000
_LAND = """
with landed as (
    insert into raw_events (
        event_id, occurred_at, received_at, event_type, time_flag, schema_id, device, visitor_key, session_key, page,
        event_data, country, channel, source, hostname, language, screen
    )
    select
        overlay(gen_random_uuid()::text placing substr(id_from(at)::text, 1, 13) from 1 for 13)::uuid,
        at, at, 1 + number %% 3, 1, 1, 1, decode(md5('visitor ' || visitor), 'hex'), decode(md5('session ' || visitor), 'hex'),
        '/page/' || (visitor * 7 + number) %% 200, '{}', 'DE',
        case when %(is_first)s and number = 0 then 'search' end,
        case when %(is_first)s and number = 0 then 'search.example' end,
        'www.example.com', 'de', 'md'
    from generate_series(%(first)s::integer, %(last)s) as visitor
    cross join generate_series(0, %(each)s::integer - 1) as number
    cross join lateral (
        select %(at)s::timestamptz + number * 60 / %(each)s * interval '1 second' + visitor * interval '1 millisecond' as at
    ) as moment
    returning event_id
)
insert into visit_queue (events, event_ids)
select count(*), array_agg(event_id)
from (select event_id, row_number() over () / 5000 as batch from landed) as numbered
group by batch
"""


def main() -> None:
    with database() as server:
        name = f"visits_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            measure(conninfo.make_conninfo(server, dbname=name))
        finally:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def measure(dsn: str) -> None:
    store = PostgresStore(at(dsn), cluster_id="cluster", topic="events", owner="bench")
    store.prepare()
    store.close()
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=footfall") as connection:
        for setting, value in SETTINGS.items():
            connection.execute("select set_config(%s, %s, false)", [setting, value])
        queue.use_gap(connection, GAP)
        connection.execute("delete from visit_queue")
        connection.execute("insert into event_types (name) values ('page_view'), ('click'), ('scroll')")
        connection.execute("insert into devices (browser, system, kind) values ('Chrome', 'Linux', 'desktop')")
        began = datetime.now(UTC) - timedelta(hours=3)
        for minute in range(MINUTES):
            _land(dsn, 1, VISITORS, EVENTS_PER_MINUTE, began + timedelta(minutes=minute), is_first=not minute)
            _derive(connection, f"minute {minute + 1}")
        # Between those of the last minutes.
        _land(dsn, 1, VISITORS, 1, began + timedelta(minutes=MINUTES - 2, seconds=30))
        _derive(connection, "late")
    if len(sys.argv) > 1:
        follow(dsn, int(sys.argv[1]))


def follow(dsn: str, seconds: int) -> None:
    """Land so many events per second while a thread of the sinks derives them."""
    deriver, worst, process = Deriver(at(dsn), GAP), 0.0, None
    deriver.start()
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=footfall") as connection:
        began = time.monotonic()
        for second in range(seconds):
            first = VISITORS + 1 + second * RATE % BROWSERS
            _land(dsn, first, first + RATE - 1, 1, datetime.now(UTC) - timedelta(minutes=5), is_first=second < 20)
            worst = max(worst, queue.behind_seconds(connection))
            time.sleep(max(0.0, began + second + 1 - time.monotonic()))
        took = time.monotonic() - began
        (pid,) = connection.execute(
            "select pid from pg_stat_activity where application_name = 'footfall-visits'"
        ).fetchone() or (0,)
        while queue.behind_seconds(connection):
            time.sleep(0.1)
        process = psutil.Process(pid)
        sys.stdout.write(
            f"{seconds * RATE / took:,.0f} events/s landed for {took:.0f} s: visits were at most {worst:.0f} s behind, "
            f"{sum(process.cpu_times()[:2]) / seconds / RATE * 1e6:.0f} us CPU of Postgres per event\n"
        )
    deriver.stop()


def _land(dsn: str, first: int, last: int, each: int, moment: datetime, *, is_first: bool = False) -> None:
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=footfall") as landing:
        values = {"first": first, "last": last, "each": each, "at": moment, "is_first": is_first}
        landing.execute(_LAND.encode(), values)


def _derive(connection: psycopg.Connection, what: str) -> None:
    connection.execute("vacuum analyze")
    process = psutil.Process(connection.info.backend_pid)
    before, started = sum(process.cpu_times()[:2]), time.monotonic()
    done = step(connection, max_events=10 * VISITORS)
    cpu = (sum(process.cpu_times()[:2]) - before) / done.events * 1e6
    sys.stdout.write(
        f"{what}: {done.events:,} events, {cpu:.0f} us CPU of Postgres per event, "
        f"{done.events / (time.monotonic() - started):,.0f} events/s\n"
    )


if __name__ == "__main__":
    main()
