"""Measures what deriving visits costs Postgres: CPU of its process per event that landed, a step per minute.

footfall bench visits

Visitors send three events per minute for some minutes, each from a browser of its own, as at 400 events per second.
"""

import sys
import time
import uuid
from datetime import timedelta

import psutil
import psycopg
from psycopg import conninfo, sql

from benchmarks.parts import database
from sinks.postgres.store import PostgresStore
from sinks.visits import queue
from sinks.visits.derive import step
from sinks.visits.deriver import SETTINGS
from tests.support.database import at

VISITORS, EVENTS_PER_MINUTE, MINUTES = 8_000, 3, 5
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
        case when %(minute)s + number = 0 then 'search' end, case when %(minute)s + number = 0 then 'search.example' end,
        'www.example.com', 'de', 'md'
    from generate_series(1, %(visitors)s) as visitor
    cross join generate_series(0, %(each)s - 1) as number
    cross join lateral (
        select now() - interval '3 hours' + (%(minute)s * 60 + number * 60 / %(each)s) * interval '1 second'
            + visitor * interval '1 millisecond' as at
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
        queue.use_gap(connection, timedelta(minutes=30))
        connection.execute("delete from visit_queue")
        connection.execute("insert into event_types (name) values ('page_view'), ('click'), ('scroll')")
        connection.execute("insert into devices (browser, system, kind) values ('Chrome', 'Linux', 'desktop')")
        process = psutil.Process(connection.info.backend_pid)
        for minute in range(MINUTES):
            values = {"minute": minute, "visitors": VISITORS, "each": EVENTS_PER_MINUTE}
            with psycopg.connect(dsn, autocommit=True, options="-c search_path=footfall") as landing:
                landing.execute(_LAND.encode(), values)
                landing.execute("vacuum analyze")
            before, started = sum(process.cpu_times()[:2]), time.monotonic()
            done = step(connection, max_events=10 * VISITORS)
            cpu = (sum(process.cpu_times()[:2]) - before) / done.events * 1e6
            sys.stdout.write(
                f"minute {minute + 1}: {done.events:,} events, {cpu:.0f} us CPU of Postgres per event, "
                f"{done.events / (time.monotonic() - started):,.0f} events/s\n"
            )


if __name__ == "__main__":
    main()
