"""What users of Postgres see: views with typed columns, pruning by time, comments, roles."""

import re
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from avro_schemas.event_types import describe_event_types
from service_kit.retention import RetentionSettings
from sinks.landing.rows import decode_batch
from sinks.postgres import migrations
from sinks.postgres.migrations import migrate, pending
from sinks.postgres.store import PostgresStore
from sinks.postgres.views import type_views, view_name
from sinks.retention.maintenance import maintain
from sinks.retention.packing import pack
from sinks.retention.partitions import packed_table_name, raw_table_name
from tests.support.events import Record, encoded, event, fresh_id, user_key

pytestmark = pytest.mark.integration

TODAY = datetime.now(UTC).date()
NOW = int(datetime.now(UTC).timestamp() * 1000)
DAY_MS = 86_400_000


def land(store: PostgresStore, *records: dict[str, object]) -> None:
    (start,) = store.claim({0: 0}).values()
    logged = [Record(start + n, NOW, None, encoded(fields)) for n, fields in enumerate(records)]
    store.write(decode_batch({0: logged}, {0: start}))


def ago(days: int, event_type: str = "click", **changes: object) -> dict[str, object]:
    moment = NOW - days * DAY_MS
    return event(event_type, moment, event_id=fresh_id(moment), **changes)


def plan(connection: psycopg.Connection, query: str) -> str:
    explained = connection.execute(f"explain (analyze, costs off, timing off) {query}".encode()).fetchall()
    return "\n".join(line for (line,) in explained)


def days_read(connection: psycopg.Connection, query: str) -> set[str]:
    """The daily tables that a query read."""
    executed = [line for line in plan(connection, query).splitlines() if "never executed" not in line]
    return set(re.findall(r"on ((?:raw|packed)_events_\d+)", "\n".join(executed)))


def both(day: date) -> set[str]:
    """Both tables of a day: for hot rows and for packed ones."""
    return {raw_table_name(day), packed_table_name(day)}


def test_every_event_type_has_a_view_with_its_own_fields_as_columns(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    for known in describe_event_types():
        connection.execute(sql.SQL("select * from {}").format(sql.Identifier(view_name(known["event_type"]))))
    form = {"form": "signup", "page": "/a", "success": True, "field_count": 3, "properties": {"x": 1}}
    land(store, ago(0, "form_submit", page="/a", event_data=form), ago(0))
    found = connection.execute(
        "select form, page, success, field_count + 1, properties ->> 'x' from form_submits"
    ).fetchall()
    assert found == [("signup", "/a", True, 4, "1")]
    assert connection.execute("select page, event_data from clicks").fetchall() == [
        (None, {"element": "nav_menu"})
    ]


def test_a_view_that_is_up_to_date_is_not_touched_nor_is_a_table_with_the_name_of_a_view(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert migrate(connection) == []
    (page_view, *_) = type_views()
    longer = page_view.query.replace(" from events", ", 1 as more from events")
    changed = type(page_view)("page_views", longer, "About.", {"more": "A new field."})
    ours = type(page_view)("days", "select 1 as day", "About.", {})
    monkeypatch.setattr("sinks.postgres.views.type_views", lambda: [changed, ours])
    assert pending(connection) == [changed.mark, ours.mark]
    assert migrate(connection) == [changed.mark]
    assert connection.execute("select count(more) from page_views").fetchone() == (0,)
    assert connection.execute("select count(state) from days").fetchone() == (0,)


def test_a_filter_by_time_reads_only_the_days_it_needs_packed_or_not(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    land(store, *(ago(days) for days in (1, 2, 12, 13)))
    list(maintain(connection, today=TODAY, retention=RetentionSettings()))
    for days in (1, 12):
        day = TODAY - timedelta(days=days)
        start, end = f"'{day}'::timestamp at time zone 'UTC'", f"'{day}'::timestamp at time zone 'UTC' + '1 day'"
        for query in (
            f"select count(event_data) from events_between({start}, {end})",
            f"select count(event_data) from events where day = '{day}'",
            f"select count(*) from clicks where day = '{day}'",
        ):
            assert days_read(connection, query) == both(day), query
            (count,) = connection.execute(query.encode()).fetchone() or (0,)
            assert count == 1
    # Even if the bounds are known only when the query runs.
    recent = "select count(event_data) from events_between(now() - interval '1 day', now())"
    assert days_read(connection, recent) == both(TODAY) | both(TODAY - timedelta(days=1))
    assert "Subplans Removed" in plan(connection, recent)


def test_every_table_and_column_has_a_comment(store: PostgresStore, connection: psycopg.Connection) -> None:
    pack(connection, TODAY)
    without_comment = connection.execute(
        "select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid"
        " where relnamespace = current_schema::regnamespace and relkind in ('r', 'v', 'p') and not relispartition"
        " and attnum >= 0 and not attisdropped and col_description(attrelid, attnum) is null"
        " union all select relname, null from pg_class"
        " where relnamespace = current_schema::regnamespace and relkind in ('r', 'v', 'p') and not relispartition"
        " and obj_description(oid) is null"
        " union all select proname, null from pg_proc"
        " where pronamespace = current_schema::regnamespace and obj_description(oid) is null"
        " and not exists (select from pg_range join pg_type on rngtypid = pg_type.oid where typname = proname)"
        " and proname not like '%multirange'"
    ).fetchall()
    assert without_comment == []


def test_group_roles_read_views_and_land_rows(
    store: PostgresStore, connection: psycopg.Connection, postgres: str
) -> None:
    land(store, ago(0, user_key=user_key("ann")))
    with psycopg.connect(postgres, options="-c role=footfall_reader", autocommit=True) as reader:
        assert reader.execute("select count(*) from events").fetchone() == (1,)
        assert reader.execute("select sum(events) from events_hourly").fetchone() == (1,)
        assert reader.execute("select count(*) from clicks").fetchone() == (1,)
        assert reader.execute("select count(*), max(rejected_at) from dead_letters").fetchone() == (0, None)
        for forbidden in ("delete from raw_events", "select * from dead_letters", "select * from erasures"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden.encode())
    writer = PostgresStore(
        f"{postgres} options='-c role=footfall_writer'", cluster_id="cluster", topic="events", owner="other"
    )
    writer.prepare()
    land(writer, ago(0))
    writer.close()
    assert connection.execute("select count(*) from events").fetchone() == (2,)


def test_a_user_who_may_not_create_roles_can_still_migrate(connection: psycopg.Connection, postgres: str) -> None:
    connection.execute("create role plain nologin")
    try:
        connection.execute("set role plain")
        connection.execute(_roles().replace("footfall_", "nobodys_").encode())
        assert connection.execute("select to_regrole('nobodys_reader')").fetchone() == (None,)
    finally:
        connection.execute("reset role")
        connection.execute("drop role plain")


def _roles() -> str:
    return (migrations.files("sinks.postgres") / "sql" / "roles.sql").read_text()
