"""Creates what is generated from columns and schemas, and replaces what is outdated, without a migration."""

import logging
from collections.abc import Collection, Sequence

import psycopg

from sinks.postgres.event_views import event_views
from sinks.postgres.generated import Generated, View, quoted
from sinks.postgres.type_views import type_views
from sinks.postgres.visit_views import visit_views
from sinks.sql import read_statements

log = logging.getLogger(__name__)

_SQL = read_statements(__name__)


def create_views(connection: psycopg.Connection) -> list[str]:
    """Create or replace those that are missing or outdated, in an open transaction. Return their marks."""
    created = []
    for generated in outdated_views(connection):
        if _is_taken(connection, generated.name):
            log.warning(
                "a table or view %s exists already; its events are only in the view events", generated.name
            )
            continue
        generated.create(connection)
        connection.execute(_SQL["add"], [generated.mark])
        created.append(generated.mark)
    return created


def view_names() -> Collection[str]:
    """The names of all that are views, of columns and of event types."""
    return {each.name for each in _generated() if isinstance(each, View)}


def outdated_views(connection: psycopg.Connection) -> Sequence[Generated]:
    """Those that are missing, or were created from another version of their columns or schemas."""
    known = {name for (name,) in connection.execute(_SQL["known"]).fetchall()}
    return [each for each in _generated() if each.mark not in known]


def _generated() -> Sequence[Generated]:
    return (*event_views(), *type_views(), *visit_views())


def _is_taken(connection: psycopg.Connection, name: str) -> bool:
    """Whether something that we did not create has the name of a view: it is not ours to replace."""
    if connection.execute(_SQL["exists"], [quoted(name)]).fetchone() != (True,):
        return False
    return connection.execute(_SQL["is_ours"], [f"view {name} "]).fetchone() != (True,)
