"""Databases that are not made for us: what would go wrong later is said at the start, in a sentence, or does not."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo, sql

from dashboard.event_types.proposed import has_landed
from dashboard.history.query import parse_query
from dashboard.history.service import HistoryService
from dashboard.sql import Database, queries
from footfall.kafka.lag import landed_offsets
from service_kit.postgres import PostgresSettings
from service_kit.retention import RetentionSettings
from sinks import erasure
from sinks.audit import audit
from sinks.connect import NoSession, connect
from sinks.landing.errors import StoreMisconfigured
from sinks.locks import lock_key
from sinks.postgres.migrations import grant, migrate
from sinks.postgres.preflight import look, warnings
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain
from sinks.retention.packing import lock_day
from sinks.retention.partitions import create_partitions, days_to_create, packed_table_name, raw_table_name
from tests.support.database import at
from tests.support.days import Landed, noon
from tests.support.events import user_key
from tests.support.poolers import pgbouncer

pytestmark = pytest.mark.integration

TODAY = datetime.now(UTC).date()


@contextmanager
def database(server: str, options: str) -> Iterator[str]:
    name = f"odd_{uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} {options}".encode())
        try:
            yield conninfo.make_conninfo(server, dbname=name)
        finally:
            connection.execute(f"drop database {name} with (force)".encode())


@contextmanager
def role(dsn: str, *grants: str) -> Iterator[str]:
    """A DSN that connects as a role that has only these rights."""
    name = f"plain_{uuid4().hex[:8]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create role {name} nologin".encode())
        for grant in grants:
            connection.execute(grant.format(role=name, database=connection.info.dbname).encode())
        try:
            yield conninfo.make_conninfo(dsn, options=f"-c role={name}")
        finally:
            wait_for_its_sessions(connection, name)
            connection.execute(
                f"reassign owned by {name} to current_user; drop owned by {name}; drop role {name}".encode()
            )


def wait_for_its_sessions(connection: psycopg.Connection, role: str) -> None:
    """Sessions that end drop their temporary tables; one that is gone meanwhile is an error of `drop owned`."""
    left = "select count(*) from pg_class where relowner = %s::regrole and relpersistence = 't'"
    deadline = time.monotonic() + 10
    while connection.execute(left, (role,)).fetchone() != (0,) and time.monotonic() < deadline:
        time.sleep(0.02)


def store_of(dsn: str, schema: str = "footfall") -> PostgresStore:
    return PostgresStore(at(dsn, schema), cluster_id="cluster", topic="events", owner="test")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_which_text_would_be_damaged_is_refused(postgres_server: str, encoding: str) -> None:
    with database(postgres_server, f"encoding '{encoding}' locale 'C' template template0") as dsn:
        store = store_of(dsn)
        with pytest.raises(StoreMisconfigured, match=f"has the encoding {encoding}, .* encoding 'UTF8'"):
            store.prepare()
        store.close()


def test_the_right_to_merge_repeats_is_asked_for_before_the_first_repeat(empty_postgres: str) -> None:
    grants = (
        "grant create, usage on schema public to {role}",
        "revoke temporary on database {database} from public",
    )
    with role(empty_postgres, *grants) as dsn:
        store = store_of(dsn)
        with pytest.raises(StoreMisconfigured, match="grant temporary on database"):
            store.prepare()
        store.close()


def test_a_writer_that_may_not_create_partitions_lands_from_the_first_day_on_and_after_midnight(
    empty_postgres: str,
) -> None:
    environ = {**os.environ, "FOOTFALL_POSTGRES_DSN": empty_postgres}
    subprocess.run([sys.executable, "-m", "sinks", "migrate"], env=environ, check=True, timeout=60)
    with (
        role(empty_postgres, "grant footfall_writer to {role}") as dsn,
        psycopg.connect(empty_postgres, autocommit=True) as owner,
    ):
        # As after midnight: the partitions of the last day ahead are still to come.
        last = f"{TODAY + timedelta(days=14):%Y%m%d}"
        owner.execute(f"drop table raw_events_{last}, packed_events_{last}".encode())
        with closing(store_of(dsn)) as store, connect(at(dsn), "test") as writer:
            (warning,) = warnings(look(writer))
            assert "may not create the partitions of the next days" in warning
            store.prepare()
            landed = Landed(store)
            assert landed.on(TODAY, "click", "scroll").rows == 2
            assert landed.again(noon(TODAY)).duplicates == 2
            list(maintain(owner, today=TODAY, retention=RetentionSettings()))
            store.prepare()
        assert owner.execute(f"select to_regclass('raw_events_{last}') is not null".encode()).fetchone() == (True,)


@pytest.mark.filterwarnings("ignore")
def test_everything_goes_on_when_somebody_publishes_all_tables(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    landed, old = Landed(store), TODAY - timedelta(days=10)
    landed.on(old, "click", "scroll")
    connection.execute("create publication everything for all tables")
    landed.on(old, "click")
    landed.again(noon(old))
    for today in (TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=100)):
        steps = list(maintain(connection, today=today, retention=RetentionSettings()))
        assert [step.message for step in steps if step.failed] == []
    assert look(connection).published_as_one == []
    connection.execute("alter publication everything set (publish_via_partition_root = true)")
    assert (look(connection).published_as_one, look(connection).unreplicable) == (["everything"], [])
    # The days of raw_events have one each, but not all of them together.
    without_key = sql.SQL(
        "select relname from pg_class where relkind in ('r', 'p') and relname <> 'raw_events'"
        " and relnamespace = current_schema::regnamespace"
        " and not exists (select from pg_index where indrelid = pg_class.oid and indisprimary)"
    )
    assert connection.execute(without_key).fetchall() == []


OTHERS = """
create table public.events (day date);
create table public.migrations (id int, name text);
create function public.moment_of(bigint) returns timestamptz language sql immutable as 'select null::timestamptz';
create function public.day_of(uuid) returns date language sql immutable as 'select null::date';
"""
TABLES_BY_SCHEMA = """
select relnamespace::regnamespace::text, count(*)::int from pg_class
where relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and relkind in ('r', 'p', 'v', 'S') and not starts_with(relnamespace::regnamespace::text, 'pg_')
group by 1
"""


async def test_everything_is_in_its_own_schema_also_through_a_pooler(
    postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = TODAY - timedelta(days=12)
    with (
        database(postgres_server, "") as dsn,
        pgbouncer(dsn, tmp_path) as pooled,
        psycopg.connect(dsn, autocommit=True) as others,
    ):
        others.execute(OTHERS.encode())
        for mode in ("transaction", "statement"):
            with (
                closing(store_of(pooled[mode], "analytics")) as refused,
                pytest.raises(StoreMisconfigured, match="Set its pool_mode to session for this user"),
            ):
                refused.prepare()
        where, reader = at(pooled["session"], "analytics"), at(pooled["transaction"], "analytics")
        with (
            psycopg.connect(pooled["session"]) as one,
            psycopg.connect(pooled["session"]) as another,
            monkeypatch.context() as patched,
        ):
            for each in (one, another):
                each.execute("select")
            patched.setattr("sinks.connect._ANSWER_SECONDS", 0.5)
            with pytest.raises(NoSession, match="each process of the sinks needs five"):
                connect(where, "test")
        with closing(store_of(pooled["session"], "analytics")) as store, connect(where, "test") as owner:
            store.prepare()
            landed, ann = Landed(store), user_key("ann")
            landed.on(old, "click", "click")
            assert landed.again(noon(old)).duplicates == 2
            assert [
                s.message for s in maintain(owner, today=TODAY, retention=RetentionSettings()) if s.failed
            ] == []
            assert landed.again(noon(old)).duplicates == 4
            landed.on(TODAY, "click", "scroll", user=ann)
            erasure.request(owner, ann, datetime.now(UTC) + timedelta(days=1), "receipt")
            assert erasure.remove(owner, "receipt", datetime.now(UTC) + timedelta(days=1)).rows == 2
        await everything_reads(reader)
        everyone = dict(others.execute(TABLES_BY_SCHEMA.encode()).fetchall())
        assert everyone.keys() == {"public", "analytics"}
        assert everyone["public"] == 2
        # Nothing of ours stays behind in the connections that the pooler lends to others, and analysts need no setting.
        others.execute("grant analytics_reader to current_user")
        for dsn_of_others in (*pooled.values(), conninfo.make_conninfo(dsn, options="-c role=analytics_reader")):
            with psycopg.connect(dsn_of_others, autocommit=True, prepare_threshold=None) as analyst:
                assert analyst.execute("show search_path").fetchone() == ('"$user", public',)
                assert analyst.execute("select count(occurred_at) from analytics.events").fetchone() == (2,)
                between = "select count(*) from analytics.events_between(now() - interval '13 days', now())"
                assert analyst.execute(between.encode()).fetchone() == (2,)
                assert analyst.execute(
                    "select count(*) from analytics.clicks where day < current_date"
                ).fetchone() == (2,)


@pytest.mark.timeout(60)
def test_two_installations_in_one_database_leave_each_other_alone(empty_postgres: str) -> None:
    ours, theirs, old = at(empty_postgres), at(empty_postgres, "shop"), TODAY - timedelta(days=10)
    late = datetime.now(UTC) + timedelta(days=1)
    with (
        closing(store_of(empty_postgres)) as our_store,
        closing(store_of(empty_postgres, "shop")) as their_store,
        connect(ours, "test") as we,
        connect(theirs, "test", {"lock_timeout": "5s"}) as they,
    ):
        our_store.prepare()
        landed, ann = Landed(our_store), user_key("ann")
        landed.on(old, "click", user=ann)
        landed.on(TODAY, "click", "scroll")
        # What holds locks here, all at once, while everything happens there.
        we.execute(sql.SQL("select pg_advisory_lock({})").format(lock_key("maintenance")))
        with we.transaction():
            erasure.ErasedKeys().refresh(we)
            grant(we)
            create_partitions(we, [TODAY - timedelta(days=20)])
            lock_day(we, old)
            their_store.prepare()
            copied = Landed(their_store)
            assert copied.land(landed.values, noon(TODAY)).rows == 3, "the same ids are other events here"
            they.execute("create publication shop for tables in schema shop")
            for today in (TODAY, TODAY + timedelta(days=100)):
                steps = list(maintain(they, today=today, retention=RetentionSettings()))
                assert [step.message for step in steps if step.failed] == []
                assert audit(they).mismatches() == []
            erasure.request(they, ann, late, "receipt")
            assert erasure.remove(they, "receipt", late).rows == 0, "its day is dropped"
            assert they.execute("select count(*) from events").fetchone() == (0,)
        with we.transaction():
            assert we.execute("select count(*) from events").fetchone() == (3,)
        assert landed.again(noon(TODAY)).duplicates == 3, "its connection is as it was"
        assert erasure.count(we, ann, late).rows == 1
        assert audit(we).mismatches() == []
        assert warnings(look(we)) == []
        with psycopg.connect(empty_postgres, options="-c role=shop_reader") as reader:
            reader.execute("select count(*) from shop.events")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("select count(*) from footfall.events")


async def everything_reads(where: PostgresSettings) -> None:
    """What only reads, a few at a time."""
    environ = {
        "FOOTFALL_POSTGRES_DSN": where.postgres_dsn.reveal(),
        "FOOTFALL_POSTGRES_SCHEMA": where.postgres_schema,
    }
    for arguments in (["audit"], ["dead-letters", "export"], ["replay"]):
        command = [sys.executable, "-m", "footfall", *arguments]
        environ_of_command = {**os.environ, "FOOTFALL_KAFKA_BOOTSTRAP": "127.0.0.1:1", **environ}
        await asyncio.to_thread(subprocess.run, command, env=environ_of_command, check=True, timeout=60)
    query = parse_query({"range": "90d"}, datetime.now(UTC), 90)
    found = await asyncio.gather(*(HistoryService(Database(where)).run(query) for _ in range(3)))
    assert [result.totals[-1].current for result in found] == [2, 2, 2]
    assert await landed_offsets(where, "events") == {0: 10}
    async with Database(where).reading() as connection:
        assert await has_landed(connection, "click")
        await connection.execute(queries["storage_health"], {"max_dead_letters": 1})


def refusal(dsn: str) -> str:
    """The sentences with which a store refuses a database."""
    with closing(store_of(dsn)) as store, pytest.raises(StoreMisconfigured) as refused:
        store.prepare()
    return str(refused.value)


def test_rights_that_are_missing_and_what_others_left_there_are_named(empty_postgres: str) -> None:
    with psycopg.connect(empty_postgres, autocommit=True) as owner:
        with role(empty_postgres) as dsn:
            assert "may not create it" in refusal(dsn)
        owner.execute("create schema footfall")
        owner.execute("create table migrations (id int); create view events as select 1 as day")
        assert "The schema footfall holds events and migrations, not made by footfall." in refusal(empty_postgres)
        owner.execute("drop view events; drop table migrations")
        with role(empty_postgres, "grant usage on schema footfall to {role}") as dsn:
            assert "lacks 0001_events, 0002_landing" in refusal(dsn)
        migrate(owner)
        with role(empty_postgres) as dsn:
            assert "may not use the schema footfall: grant footfall_writer to" in refusal(dsn)
        with role(empty_postgres, "grant usage on schema footfall to {role}") as dsn:
            assert "may not read and write canaries, " in refusal(dsn)
        owner.execute("create publication partly for table landed (sink, read)")
        owner.execute("create view raw_events_20200101 as select 1 as one")
        found = look(owner)
        assert (found.unreplicable, found.foreign_days) == (["landed"], ["raw_events_20200101"])
        with role(empty_postgres, "grant footfall_writer to {role}") as dsn, closing(store_of(dsn)) as store:
            store.prepare()
            owner.execute("drop publication partly; drop view raw_events_20200101")
            # Tables that come later are theirs, too.
            create_partitions(owner, days_to_create(TODAY))
            with psycopg.connect(dsn, autocommit=True) as writer:
                for table in (raw_table_name(TODAY), packed_table_name(TODAY)):
                    assert writer.execute(f"delete from {table}".encode()).rowcount == 0
