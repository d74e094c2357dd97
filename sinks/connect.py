"""Opens connections to Postgres with the settings that we need, also through PgBouncer."""

from collections.abc import Mapping
from typing import Any

import psycopg

# Whatever the database or the user says: text is sent and read as UTF-8.
_ENCODING = "utf8"


def connect(dsn: str, application: str, settings: Mapping[str, str], **options: Any) -> psycopg.Connection:
    """A connection in autocommit, with these settings of the server; `options` are those of libpq.

    Settings in the startup packet would save a round trip, but PgBouncer refuses them.
    """
    connection = psycopg.connect(
        dsn, autocommit=True, connect_timeout=5, client_encoding=_ENCODING, application_name=application, **options
    )
    try:
        apply(connection, settings)
    except BaseException:
        connection.close()
        raise
    return connection


def apply(connection: psycopg.Connection, settings: Mapping[str, str]) -> None:
    """Set these for as long as the connection lasts."""
    connection.execute(
        "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as settings (name, value)",
        [list(settings), list(settings.values())],
    )
