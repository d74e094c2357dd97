"""A view for each event type, generated from the schemas, with the type's own fields as typed columns.

A new type or field needs no migration. A column keeps its place once it is there: Postgres lets a view grow only
at its end, and readers rely on it.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from avro_schemas.event_types import custom_events
from avro_schemas.schema import by_id, latest, typed_events
from sinks.columns import COLUMNS
from sinks.sql import read_statements

log = logging.getLogger(__name__)

# Columns of the view `events` that each of these views begins with.
_COMMON = (*(name for column in COLUMNS for name in column.shown), "day")
_TYPES = {
    "boolean": "boolean",
    "int": "bigint",
    "long": "bigint",
    "float": "double precision",
    "double": "double precision",
    "string": "text",
    "enum": "text",
}
_SQL = read_statements(__name__)


@dataclass(frozen=True, slots=True)
class TypeView:
    """The view of an event type. `column_comments` are those of the type's own columns."""

    name: str
    query: str
    comment: str
    column_comments: Mapping[str, str]

    @property
    def mark(self) -> str:
        """Its name in the table `migrations`; another version of the view has another one."""
        text = repr((self.query, self.comment, sorted(self.column_comments.items())))
        return f"view {self.name} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def type_views() -> list[TypeView]:
    """A view for each typed event and for each custom event of the catalogue."""
    typed = [_view(name, latest()[name].definition["doc"], _own_fields(name)) for name in typed_events()]
    return [*typed, *(_view(name, doc, {}) for name, doc in custom_events().items())]


def create_views(connection: psycopg.Connection) -> list[str]:
    """Create or replace those that are missing or outdated, in an open transaction. Return their marks."""
    created = []
    for view in outdated_views(connection):
        if _is_taken(connection, view.name):
            log.warning("a table or view %s exists already; its events are only in the view events", view.name)
            continue
        _create(connection, view)
        connection.execute(_SQL["add"], [view.mark])
        created.append(view.mark)
    return created


def outdated_views(connection: psycopg.Connection) -> list[TypeView]:
    """The views that are missing, or were created from another version of their schemas."""
    known = {name for (name,) in connection.execute(_SQL["known"]).fetchall()}
    return [view for view in type_views() if view.mark not in known]


def view_name(event_type: str) -> str:
    """The plural: the view of page_view is page_views, that of error_encountered is error_encountered."""
    return event_type if event_type.endswith(("s", "ed")) else f"{event_type}s"


def _view(event_type: str, doc: str, own: Mapping[str, tuple[str, str]]) -> TypeView:
    columns = [*_COMMON, *(f"{expression} as {_quoted(name)}" for name, (expression, _doc) in own.items())]
    return TypeView(
        name=view_name(event_type),
        query=f"select {', '.join(columns)} from events where event_type = {_literal(event_type)}",
        comment=f"{doc} Each event once. A filter on day reads only these days.",
        column_comments={name: doc for name, (_expression, doc) in own.items()},
    )


def _own_fields(event_type: str) -> dict[str, tuple[str, str]]:
    """Columns of the type's own fields, of all versions, oldest first: the expression of each, and its meaning."""
    versions = sorted((s for s in by_id().values() if s.name == event_type), key=lambda schema: schema.version)
    fields = [field for schema in versions for field in schema.definition["fields"][-1]["type"]["fields"]]
    return {_column(f["name"]): (_typed(f["name"], f["type"]), f["doc"]) for f in fields if f["name"] != "page"}


def _column(field: str) -> str:
    return f"data_{field}" if field in _COMMON else field


def _typed(field: str, schema: Any) -> str:
    """The field of `event_data`, in the Postgres type that can hold all versions of it; else as jsonb."""
    kinds = [kind for kind in (schema if isinstance(schema, list) else [schema]) if kind != "null"]
    kind = kinds[0]["type"] if isinstance(kinds[0], dict) else kinds[0]
    if len(kinds) > 1 or kind not in _TYPES:
        return f"event_data -> {_literal(field)}"
    return f"(event_data ->> {_literal(field)})::{_TYPES[kind]}"


def _create(connection: psycopg.Connection, view: TypeView) -> None:
    name = sql.Identifier(view.name)
    connection.execute(sql.SQL("create or replace view {} as " + view.query).format(name))
    connection.execute(sql.SQL("comment on view {} is {}").format(name, sql.Literal(view.comment)))
    common = connection.execute(_SQL["column_comments"], [list(_COMMON)]).fetchall()
    for column, comment in (*common, *view.column_comments.items()):
        where = sql.Identifier(view.name, column)
        connection.execute(sql.SQL("comment on column {} is {}").format(where, sql.Literal(comment)))


def _is_taken(connection: psycopg.Connection, name: str) -> bool:
    """Whether something that we did not create has the name of a view: it is not ours to replace."""
    if connection.execute(_SQL["exists"], [_quoted(name)]).fetchone() != (True,):
        return False
    return connection.execute(_SQL["is_ours"], [f"view {name} "]).fetchone() != (True,)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
