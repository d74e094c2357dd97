"""Migrations: SQL files applied in order, each once, by one process at a time.

Old and new code run side by side while a new version is rolled out. So a migration only adds: tables, columns with
a default, columns at the end of views. What old code still writes is removed one release later.
"""

import logging
from importlib.resources import files

import psycopg

from sinks.postgres.views import make_views, missing_views

log = logging.getLogger(__name__)

# Any number, the same in every process of ours.
_LOCK = 0x666F6F7466


def migrate(connection: psycopg.Connection) -> list[str]:
    """Apply what is missing; the names of what was applied. The connection must be in autocommit."""
    if not pending(connection):
        return []  # so that a role which may only read and write can land
    applied = []
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(
            "create table if not exists migrations (name text primary key, applied_at timestamptz default now())"
        )
        done = _done(connection)
        for name, sql in _scripts():
            if name not in done:
                connection.execute(sql)
                connection.execute("insert into migrations (name) values (%s)", [name])
                log.info("applied migration %s", name)
                applied.append(name)
        applied += make_views(connection)
        grant(connection)
    return applied


def pending(connection: psycopg.Connection) -> list[str]:
    """The names of those that this code knows and the database has not."""
    done = _done(connection)
    missing = [name for name, _sql in _scripts() if name not in done]
    return missing or [view.mark for view in missing_views(connection)]


def grant(connection: psycopg.Connection) -> None:
    """Let the group roles read and write, and make them where this user may."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute((files("sinks.postgres") / "sql" / "roles.sql").read_bytes())


def _done(connection: psycopg.Connection) -> set[str]:
    if connection.execute("select to_regclass('migrations')").fetchone() == (None,):
        return set()
    return {name for (name,) in connection.execute("select name from migrations").fetchall()}


def _scripts() -> list[tuple[str, bytes]]:
    folder = files("sinks.postgres") / "sql" / "migrations"
    return sorted((entry.name.removesuffix(".sql"), entry.read_bytes()) for entry in folder.iterdir())
