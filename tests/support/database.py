"""A database for each test. To migrate an empty one takes half a second of CPU time; to copy one, a tenth of that."""

import contextlib
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import conninfo, sql

from service_kit.postgres import DEFAULT_SCHEMA, PostgresSettings
from service_kit.settings import Secret
from sinks.postgres.store import PostgresStore

_EMPTY = "template1"


def at(dsn: str, schema: str = DEFAULT_SCHEMA) -> PostgresSettings:
    """The settings for a DSN."""
    return PostgresSettings(postgres_dsn=Secret(dsn), postgres_schema=schema)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """The name of a database with the tables and views of the sinks, and nothing in them."""
    with _copy(postgres_server, _EMPTY) as dsn:
        store = PostgresStore(at(dsn), cluster_id="template", topic="events", owner="template")
        store.prepare()
        store.close()
        yield conninfo.conninfo_to_dict(dsn)["dbname"]


@pytest.fixture
def postgres(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """The DSN of a new database, as sinks find it when they start again."""
    with _copy(postgres_server, migrated_template) as dsn:
        yield dsn


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """The DSN of a new, empty database."""
    with _copy(postgres_server, _EMPTY) as dsn:
        yield dsn


@contextlib.contextmanager
def _copy(server: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        # A copy of the files is the cheapest, as tests run without fsync.
        statement = "create database {} template {} strategy file_copy"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(template)))
        # For what tests ask themselves. The services set it, too.
        connection.execute(sql.SQL("alter database {} set search_path = footfall").format(sql.Identifier(name)))
        yield conninfo.make_conninfo(server, dbname=name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
