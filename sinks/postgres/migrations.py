"""Migrations: SQL files that are applied in order, each once, by one process at a time.

Old and new code run side by side while a new version is rolled out. So a migration only adds: tables, columns with
a default, columns at the end of views. What old code still writes is removed one release later.
"""

import logging
import re
from collections.abc import Collection
from importlib.resources import files

import psycopg
from psycopg import sql

from sinks.locks import lock_key
from sinks.postgres.views import create_views, outdated_views, view_names
from sinks.sql import read_statements

_SQL = read_statements(__name__)
_FOLDER = files("sinks.postgres") / "sql"

log = logging.getLogger(__name__)

# One process at a time, until the transaction ends.
_LOCK = sql.SQL("select pg_advisory_xact_lock({})").format(lock_key("migrations"))
_CREATED = re.compile(rb"^create (?:table|view) (\w+)", re.MULTILINE)


def migrate(connection: psycopg.Connection) -> list[str]:
    """Apply what is missing, and return its names. The connection must be in autocommit."""
    if not pending(connection):
        return []  # without a lock or a write: a role that may only land rows gets through here
    applied = []
    with connection.transaction():
        connection.execute(_LOCK)
        connection.execute(_SQL["create_schema"])
        connection.execute(_SQL["create_table"])
        # Again, now with the lock: another process may have applied them meanwhile.
        before = _applied(connection)
        for name, script in _scripts():
            if name not in before:
                connection.execute(script)
                connection.execute(_SQL["add"], [name])
                log.info("applied migration %s", name)
                applied.append(name)
        applied += create_views(connection)
        grant(connection)
    return applied


def pending(connection: psycopg.Connection) -> list[str]:
    """The names of what this code has and the database does not: migrations, or else views."""
    applied = _applied(connection)
    missing = [name for name, _script in _scripts() if name not in applied]
    return missing or [view.mark for view in outdated_views(connection)]


def relations() -> Collection[str]:
    """The names of our tables and views; the partitions of days have others."""
    created = [name.decode() for _name, script in _scripts() for name in _CREATED.findall(script)]
    return {"migrations", *created, *view_names()}


def grant(connection: psycopg.Connection) -> None:
    """Let the group roles read and write, and create them if this user may."""
    with connection.transaction():
        connection.execute(_LOCK)
        connection.execute((_FOLDER / "roles.sql").read_bytes())


def _applied(connection: psycopg.Connection) -> set[str]:
    if connection.execute(_SQL["table_exists"]).fetchone() != (True,):
        return set()
    return {name for (name,) in connection.execute(_SQL["applied"]).fetchall()}


def _scripts() -> list[tuple[str, bytes]]:
    scripts = (_FOLDER / "migrations").iterdir()
    return sorted((entry.name.removesuffix(".sql"), entry.read_bytes()) for entry in scripts)
