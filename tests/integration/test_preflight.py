"""Databases that are not made for us: what would go wrong later is said at the start, in a sentence, or does not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo, sql

from service_kit.retention import RetentionSettings
from sinks.connect import connect
from sinks.landing.errors import StoreMisconfigured
from sinks.postgres.preflight import look, warnings
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain
from tests.support.days import Landed, noon

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
            connection.execute(
                f"reassign owned by {name} to current_user; drop owned by {name}; drop role {name}".encode()
            )


def store_of(dsn: str) -> PostgresStore:
    return PostgresStore(dsn, cluster_id="cluster", topic="events", owner="test")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_which_text_would_be_damaged_is_refused(postgres_server: str, encoding: str) -> None:
    with database(postgres_server, f"encoding '{encoding}' locale 'C' template template0") as dsn:
        store = store_of(dsn)
        with pytest.raises(StoreMisconfigured, match=f"has the encoding {encoding}, .* encoding 'UTF8'"):
            store.prepare()
        store.close()


def test_the_right_to_merge_repeats_is_asked_for_before_the_first_repeat(postgres: str) -> None:
    grants = (
        "grant create, usage on schema public to {role}",
        "revoke temporary on database {database} from public",
    )
    with role(postgres, *grants) as dsn:
        store = store_of(dsn)
        with pytest.raises(StoreMisconfigured, match="grant temporary on database"):
            store.prepare()
        store.close()


def test_a_writer_that_may_not_create_partitions_lands_from_the_first_day_on_and_after_midnight(
    postgres: str,
) -> None:
    environ = {**os.environ, "FOOTFALL_POSTGRES_DSN": postgres}
    subprocess.run([sys.executable, "-m", "sinks", "migrate"], env=environ, check=True, timeout=60)
    with (
        role(postgres, "grant footfall_writer to {role}") as dsn,
        psycopg.connect(postgres, autocommit=True) as owner,
    ):
        # As after midnight: the partitions of the last day ahead are still to come.
        last = f"{TODAY + timedelta(days=14):%Y%m%d}"
        owner.execute(f"drop table raw_events_{last}, packed_events_{last}".encode())
        with closing(store_of(dsn)) as store, connect(dsn, "test", {}) as writer:
            (warning,) = warnings(look(writer, dsn))
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
    without_key = sql.SQL(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition and relreplident = 'd'"
        " and relnamespace = current_schema::regnamespace"
        " and not exists (select from pg_index where indrelid = pg_class.oid and indisprimary)"
    )
    assert connection.execute(without_key).fetchall() == []
