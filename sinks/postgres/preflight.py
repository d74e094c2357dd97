"""One look at the database before anything lands: what would go wrong later, and what to do, a sentence each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import dict_row

from sinks.postgres.migrations import pending, relations
from sinks.retention.partitions import KEYLESS
from sinks.sql import read_statements

_SQL = read_statements(__name__)
_FACTS = _SQL["facts"].format(keyless=KEYLESS)
_MIN_VERSION = 150_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a look at the database finds.

    `may_create_tables`: in the schema or, while there is none, the schema itself. `foreign_relations` have our
    names in a schema that we never migrated. `foreign_days` stand where the table of a day belongs.
    `unreplicable` are tables that are published without what identifies their rows, `published_as_one`
    publications that send the days as one table. `keyless` are partitions of others, without a key of the id.
    """

    database: str
    user: str
    schema: str
    version: int
    encoding: str
    may_create_temporary: bool
    schema_exists: bool
    may_use_schema: bool
    may_create_tables: bool
    missing_migrations: Sequence[str] = ()
    foreign_relations: Sequence[str] = ()
    not_writable: Sequence[str] = ()
    default_partitions: Sequence[str] = ()
    foreign_days: Sequence[str] = ()
    unreplicable: Sequence[str] = ()
    keyless: Sequence[str] = ()
    published_as_one: Sequence[str] = ()


def faults(facts: Facts) -> list[str]:
    """Why nothing may land here."""
    return [*_faults_of_the_database(facts), *_faults_of_the_schema(facts)]


def _faults_of_the_database(facts: Facts) -> Iterator[str]:
    if facts.encoding != "UTF8":
        yield (
            f"The database {facts.database} has the encoding {facts.encoding}, in which text would be damaged. "
            f"Create one with: create database {facts.database} encoding 'UTF8' locale 'C' template template0."
        )
    if facts.version < _MIN_VERSION:
        yield f"Postgres 15 or newer is needed; this is {facts.version // 10_000}."
    if not facts.may_create_temporary:
        yield (
            f"The user {facts.user} may create no temporary tables, through which events that are sent twice "
            f"land: grant temporary on database {facts.database} to {facts.user}."
        )


def _faults_of_the_schema(facts: Facts) -> Iterator[str]:
    if not facts.schema_exists and not facts.may_create_tables:
        yield (
            f"There is no schema {facts.schema} in the database {facts.database}, and the user {facts.user} may "
            "not create it: run `python -m sinks migrate` as a user who may, or create it for this one: "
            f"create schema {facts.schema} authorization {facts.user}."
        )
    elif not facts.may_use_schema:
        yield (
            f"The user {facts.user} may not use the schema {facts.schema}: grant {facts.schema}_writer to "
            f"{facts.user}, or grant usage on schema {facts.schema} to {facts.user}."
        )
    elif facts.foreign_relations:
        yield (
            f"The schema {facts.schema} holds {_list(facts.foreign_relations)}, not made by footfall. Choose "
            "another schema with FOOTFALL_POSTGRES_SCHEMA."
        )
    elif facts.missing_migrations and not facts.may_create_tables:
        yield (
            f"The schema {facts.schema} lacks {_list(facts.missing_migrations)}, and the user {facts.user} may "
            "not create tables there: run `python -m sinks migrate` as the owner of the tables."
        )
    elif facts.not_writable:
        yield (
            f"The user {facts.user} may not read and write {_list(facts.not_writable)}: grant "
            f"{facts.schema}_writer to {facts.user}, and run `python -m sinks migrate` as the owner of the tables."
        )


def warnings(facts: Facts) -> list[str]:
    """What works now and makes trouble later."""
    return list(_warnings(facts))


def _warnings(facts: Facts) -> Iterator[str]:
    if not facts.may_create_tables:
        yield (
            f"The user {facts.user} may not create the partitions of the next days: run "
            "`python -m sinks maintain` every hour as the owner of the tables."
        )
    if facts.default_partitions:
        yield (
            f"{_list(facts.default_partitions)} takes events of days without a partition, and old days cannot "
            "be dropped while it is there: detach it, and move its rows."
        )
    if facts.foreign_days:
        yield (
            f"{_list(facts.foreign_days)} is where the table of a day belongs, but is not a plain table, so the "
            "day can be neither packed nor dropped: detach it, or give it another name."
        )
    if facts.keyless:
        yield (
            f"{_list(facts.keyless)} was attached to raw_events without a key, so an event of its days that is "
            "sent twice would be stored twice. Maintenance adds the key; or do it now: alter table "
            f"{facts.keyless[0]} add primary key (event_id)."
        )
    if facts.published_as_one:
        yield (
            f"The publication {_list(facts.published_as_one)} sends raw_events as one table, which has no primary "
            "key, so subscribers get updates and deletes without one: set publish_via_partition_root to false, or "
            "publish only inserts."
        )
    if facts.unreplicable:
        yield (
            f"A publication has {_list(facts.unreplicable)} without the primary key, so Postgres refuses to "
            "update or delete rows there: publish all columns of the key, and use `replica identity default`."
        )


def look(connection: psycopg.Connection) -> Facts:
    """Look at the database of this connection."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_FACTS, {"relations": list(relations())}).fetchone()
    assert found
    unreadable = not found["may_use_schema"] or found["foreign_relations"] or "migrations" in found["not_writable"]
    return Facts(**found, missing_migrations=[] if unreadable else pending(connection))


def _list(names: Sequence[str]) -> str:
    shown = [*names[:3], f"{len(names) - 3} more"] if len(names) > 4 else [*names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
