"""What users of Postgres see: views with typed columns, pruning by time, comments, roles."""

import re
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from avro_schemas.event_types import describe_event_types
from avro_schemas.view_names import view_name
from dashboard.sql import queries
from service_kit.retention import RetentionSettings
from sinks.columns import COLUMNS, NAMES, plain_column
from sinks.landing.rows import decode_batch
from sinks.postgres import event_views, migrations
from sinks.postgres.event_views import EVENT_COLUMNS
from sinks.postgres.generated import View
from sinks.postgres.migrations import migrate, pending
from sinks.postgres.store import PostgresStore
from sinks.postgres.type_views import type_views
from sinks.retention.maintenance import maintain
from sinks.retention.packing import pack
from sinks.retention.partitions import packed_table_name, raw_table_name
from tests.support.database import at
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


def test_types_read_the_head_too_and_free_data_as_json(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    head = {"site": "shop", "country": "CO", "screen": "xl", "page": "/products/7", "route": "/products/:id"}
    error = {"message": "no", "source": "/app.js", "properties": {"tags": [{"a": 1}]}}
    land(
        store,
        ago(0, "error_encountered", **head, source="news.example", event_data=error),
        ago(0, page="/a", route="/a", event_data={"element": {"id": [7]}}),
        ago(0, route="/b"),
    )
    assert connection.execute(
        "select site, country, screen, page, route, source, data_source, properties #>> '{tags,0,a}', device, day"
        " from error_encountered"
    ).fetchall() == [
        ("shop", "CO", "xl", "/products/7", "/products/:id", "news.example", "/app.js", "1", "desktop", TODAY)
    ]
    assert connection.execute(
        "select site, page, route, event_data -> 'element' -> 'id' from clicks order by page"
    ).fetchall() == [("default", "/a", "/a", [7]), ("default", None, "/b", None)]
    assert connection.execute("select count(site), count(route) from raw_events").fetchone() == (1, 3)


def test_keys_are_the_text_of_the_topics(store: PostgresStore, connection: psycopg.Connection) -> None:
    keys = {name: user_key(name) for name in ("user_key", "visitor_key", "session_key")}
    land(store, ago(0, **keys))
    texts = tuple(key.hex() for key in keys.values())
    assert connection.execute("select user_key, visitor_key, session_key from events").fetchone() == texts
    stored = (
        "select encode(user_key, 'hex'), encode(visitor_key, 'hex'), encode(session_key, 'hex') from raw_events"
    )
    assert connection.execute(stored).fetchone() == texts


def test_a_view_that_is_up_to_date_is_not_touched_nor_is_a_table_with_the_name_of_a_view(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert migrate(connection) == []
    (page_view, *_) = type_views()
    # Between columns that are there already: it goes to the end, where readers do not notice.
    columns = {"more": "1", **page_view.columns}
    about = {"more": "A new field.", **page_view.column_comments}
    changed = View("page_views", columns, page_view.source, "About.", about)
    ours = View("days", {"day": "1"}, "", "About.", {"day": "."})
    monkeypatch.setattr("sinks.postgres.views.type_views", lambda: [changed, ours])
    assert pending(connection) == [changed.mark, ours.mark]
    assert migrate(connection) == [changed.mark]
    assert connection.execute("select * from page_views").description[-1].name == "more"  # type: ignore[index]
    assert connection.execute("select count(state) from days").fetchone() == (0,)


def test_a_new_column_is_a_migration_of_two_lines_and_views_that_use_the_old_ones_stay(
    store: PostgresStore, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `sinks.columns` promises, with a database that has hot and packed rows and somebody's own view."""
    land(store, ago(1), ago(12))
    list(maintain(connection, today=TODAY, retention=RetentionSettings()))
    connection.execute("create view own as select event_id, country from events")
    before = connection.execute("select * from events order by event_id").fetchall()

    for module in ("sinks.columns", "sinks.postgres.event_views"):
        monkeypatch.setattr(f"{module}.COLUMNS", (*COLUMNS, plain_column("plan", "plans")))
    monkeypatch.setattr("sinks.postgres.event_views.NAMES", (*NAMES, "plan"))
    monkeypatch.setattr("sinks.postgres.event_views._HEAD", {**event_views._HEAD, "plan": "The plan."})
    monkeypatch.setattr("sinks.postgres.event_views.EVENT_COLUMNS", {"plan": "stored.plan", **EVENT_COLUMNS})
    monkeypatch.setattr(
        "sinks.postgres.event_views.EVENT_COMMENTS", {"plan": "The plan.", **event_views.EVENT_COMMENTS}
    )
    connection.execute("alter table raw_events add column plan text")
    connection.execute("alter table packed_events add column plans text[] not null default '{}'")
    assert [mark.split()[1] for mark in migrate(connection)] == [
        "unpack",
        "stored_events",
        "events",
        "events_between",
    ]
    assert connection.execute("select * from events order by event_id").fetchall() == [
        (*row, None) for row in before
    ]
    assert connection.execute("select count(*) from own").fetchone() == (2,)
    assert connection.execute(
        "select count(*) from events_between(now() - interval '13 days', now())"
    ).fetchone() == (2,)
    assert pending(connection) == []


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
    # As Grafana writes $__timeFrom() and $__timeTo() into a query.
    start, end = (f"{TODAY - timedelta(days=ago)}T01:00:00Z" for ago in (13, 12))
    assert days_read(connection, f"select count(event_data) from events_between('{start}', '{end}')") == both(
        TODAY - timedelta(days=12)
    ) | both(TODAY - timedelta(days=13))
    # Even if the bounds are known only when the query runs.
    for relative in (
        "events where day >= current_date - 7",
        "clicks where day > (now() - interval '8 days')::date",
    ):
        read = days_read(connection, f"select count(event_data) from {relative}")
        week = {packed_table_name(TODAY - timedelta(days=days)) for days in range(-14, 8)}
        assert {name for name in read if name.startswith("packed")} == week
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
        # What column files are compared with.
        period: dict[str, object] = {"since": datetime.now(UTC) - timedelta(days=1)}
        period |= {"until": datetime.now(UTC) + timedelta(days=1), "bounds": [f"{0:032x}"]}
        for name in ("landed_hours", "changed_days", "rows_by_step"):
            reader.execute(queries[name], period)
        for forbidden in (
            "select page from raw_events",
            "delete from raw_events",
            "select * from dead_letters",
            "select * from erasures",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden.encode())
    writer = PostgresStore(
        at(f"{postgres} options='-c role=footfall_writer'"), cluster_id="cluster", topic="events", owner="other"
    )
    writer.prepare()
    land(writer, ago(0))
    writer.close()
    assert connection.execute("select count(*) from events").fetchone() == (2,)


def test_a_user_who_may_not_create_roles_can_still_migrate(connection: psycopg.Connection, postgres: str) -> None:
    connection.execute("create role plain nologin; create schema nobodys authorization plain")
    try:
        connection.execute("set role plain; set search_path = nobodys")
        connection.execute(_roles().encode())
        assert connection.execute("select to_regrole('nobodys_reader')").fetchone() == (None,)
    finally:
        connection.execute("reset role; drop schema nobodys; drop role plain")


def _roles() -> str:
    return (migrations.files("sinks.postgres") / "sql" / "roles.sql").read_text()
