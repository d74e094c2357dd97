"""Migrations: SQL files applied in order, each once, by one process at a time."""

import logging
from importlib.resources import files

import psycopg

log = logging.getLogger(__name__)

# Any number, the same in every process of ours.
_LOCK = 0x666F6F7466


def migrate(connection: psycopg.Connection) -> list[str]:
    """Apply what is missing; the names of what was applied. The connection must be in autocommit."""
    applied = []
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(
            "create table if not exists migrations (name text primary key, applied_at timestamptz default now())"
        )
        done = {name for (name,) in connection.execute("select name from migrations").fetchall()}
        for name, sql in _scripts():
            if name not in done:
                connection.execute(sql)
                connection.execute("insert into migrations (name) values (%s)", [name])
                log.info("applied migration %s", name)
                applied.append(name)
    return applied


def _scripts() -> list[tuple[str, bytes]]:
    folder = files("sinks") / "sql" / "migrations"
    return sorted((entry.name.removesuffix(".sql"), entry.read_bytes()) for entry in folder.iterdir())
