"""The gauges of the database show what is in it, and when they were set."""

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from service_kit.retention import RetentionSettings
from sinks.landing.rows import decode_batch
from sinks.metrics import REGISTRY
from sinks.postgres.gauges import DatabaseGauges, update_gauges
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain, planned
from sinks.retention.partitions import DAYS_AHEAD, raw_table_name
from tests.support.database import at
from tests.support.events import Record, encoded, event, fresh_id

pytestmark = pytest.mark.integration

TODAY = datetime.now(UTC).date()


def gauge(name: str, **labels: str) -> float:
    value = REGISTRY.get_sample_value(f"footfall_postgres_{name}", labels)
    assert value is not None, name
    return value


def test_a_missing_partition_shortens_the_days_ahead(connection: psycopg.Connection) -> None:
    update_gauges(connection)
    assert gauge("days_ahead") == DAYS_AHEAD
    third = sql.Identifier(raw_table_name(TODAY + timedelta(days=3)))
    connection.execute(sql.SQL("drop table {}").format(third))
    update_gauges(connection)
    assert gauge("days_ahead") == 2


def test_offsets_that_the_ledger_does_not_account_for_are_counted(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    now = int(time.time() * 1000)
    good = Record(0, now, None, encoded(event("click", now, event_id=fresh_id(now))))
    store.write(decode_batch({0: [good, Record(1, now, None, b"rubbish")]}, {0: 0}))
    update_gauges(connection)
    assert (gauge("unaccounted_records"), gauge("dead_letters")) == (0, 1)
    connection.execute("update sink_offsets set next_offset = next_offset + 5")
    update_gauges(connection)
    assert gauge("unaccounted_records") == 5


def test_visits_that_are_pending_unpublished_or_differ_are_counted(connection: psycopg.Connection) -> None:
    names = ("pending_events", "recount_failures", "pending_records")

    def gauges() -> list[float]:
        update_gauges(connection)
        return [gauge(f"visits_{name}", **({"topic": "visits"} if name == names[2] else {})) for name in names]

    assert gauges() == [0, 0, 0]
    connection.execute("update visit_progress set gap = '30 minutes'")
    connection.execute("insert into visit_queue (events, event_ids) values (7, '{}')")
    connection.execute("insert into visit_recounts values (date_trunc('hour', now()), now(), 30, 2, 0, 0, 0, 0)")
    for minutes in (10, 60):
        moment = f"now() - interval '{minutes} minutes'"
        connection.execute(
            "insert into stored_visits (visit_id, person, is_user, started_at, ended_at, chain_started_at,"
            " chain_ended_at, views, events, interactions, pages, routes, types, context)"
            f" values (gen_random_uuid(), 'a', false, {moment}, {moment}, {moment}, {moment}, 1, 1, 0, '{{}}', '{{}}', '{{}}',"
            " row(null, null, null, null, null, null, null, 1))".encode()
        )
    assert gauges() == [7, 1, 1]


def test_the_last_round_of_maintenance_and_the_days_are_shown(connection: psycopg.Connection) -> None:
    update_gauges(connection)
    assert gauge("maintained_timestamp_seconds") == 0
    list(planned(connection, today=TODAY, retention=RetentionSettings()))
    update_gauges(connection)
    assert gauge("maintained_timestamp_seconds") == 0
    list(maintain(connection, today=TODAY, retention=RetentionSettings()))
    connection.execute("insert into days (day, state, rows) values (current_date - 9, 'differs', 3)")
    update_gauges(connection)
    assert time.time() - gauge("maintained_timestamp_seconds") < 60
    assert gauge("days", state="differs") == 1
    assert gauge("days", state="dropped") == 0
    assert gauge("bytes") > 1_000_000


def test_the_thread_sets_the_gauges_again_even_after_a_failure(postgres: str, store: PostgresStore) -> None:
    before = time.time()
    gauges = DatabaseGauges(at(postgres), interval_seconds=0.05)
    gauges.start()
    with psycopg.connect(postgres, autocommit=True) as connection:
        _until_set_after(before)
        connection.execute("alter table maintained rename to elsewhere")
        time.sleep(0.2)
        connection.execute("alter table elsewhere rename to maintained")
        _until_set_after(time.time())
    gauges.stop()


def _until_set_after(moment: float) -> None:
    deadline = time.monotonic() + 60
    while gauge("checked_timestamp_seconds") < moment:
        assert time.monotonic() < deadline
        time.sleep(0.02)
