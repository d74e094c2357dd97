"""A view for each event type, made from the schemas: its own fields stand as typed columns.

A new type or field gets into the views by itself. A column, once there, stays where it is: Postgres only lets a
view grow at its end, and whoever reads it relies on it.
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
_COMMENTS = """
select attname, col_description(attrelid, attnum) from pg_attribute
where attrelid = 'events'::regclass and attname = any(%s)
"""


@dataclass(frozen=True, slots=True)
class TypeView:
    """The view of an event type: its name, what it shows, and the comments of view and columns."""

    name: str
    query: str
    about: str
    comments: Mapping[str, str]  # of the type's own columns

    @property
    def mark(self) -> str:
        """What the table `migrations` calls this very view; another version has another mark."""
        text = repr((self.query, self.about, sorted(self.comments.items())))
        return f"view {self.name} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def type_views() -> list[TypeView]:
    """A view for each type with a schema of its own, and for each that only has a name."""
    typed = [_view(name, latest()[name].definition["doc"], _own_fields(name)) for name in typed_events()]
    return [*typed, *(_view(name, about, {}) for name, about in custom_events().items())]


def make_views(connection: psycopg.Connection) -> list[str]:
    """Make those that are not there as they should be; their marks. In a transaction."""
    made = []
    for view in missing_views(connection):
        if _is_taken(connection, view.name):
            log.warning("there is a table or view %s already; its events are only in the view events", view.name)
            continue
        _make(connection, view)
        connection.execute("insert into migrations (name) values (%s)", [view.mark])
        made.append(view.mark)
    return made


def missing_views(connection: psycopg.Connection) -> list[TypeView]:
    """Those that are not there as they should be."""
    found = connection.execute("select name from migrations where name like 'view %'").fetchall()
    done = {name for (name,) in found}
    return [view for view in type_views() if view.mark not in done]


def plural(event_type: str) -> str:
    """The view's name: page_view is in page_views, error_encountered in error_encountered."""
    return event_type if event_type.endswith(("s", "ed")) else f"{event_type}s"


def _view(event_type: str, about: str, own: Mapping[str, tuple[str, str]]) -> TypeView:
    columns = [*_COMMON, *(f"{expression} as {_quoted(name)}" for name, (expression, _doc) in own.items())]
    return TypeView(
        name=plural(event_type),
        query=f"select {', '.join(columns)} from events where event_type = {_literal(event_type)}",
        about=f"{about} Each once; a filter on day reads few days.",
        comments={name: doc for name, (_expression, doc) in own.items()},
    )


def _own_fields(event_type: str) -> dict[str, tuple[str, str]]:
    """Columns of the type's own fields, of all versions, oldest first: how each is made, and what it means."""
    versions = sorted((s for s in by_id().values() if s.name == event_type), key=lambda schema: schema.version)
    fields = [field for schema in versions for field in schema.definition["fields"][-1]["type"]["fields"]]
    return {_column(f["name"]): (_typed(f["name"], f["type"]), f["doc"]) for f in fields if f["name"] != "page"}


def _column(field: str) -> str:
    return f"data_{field}" if field in _COMMON else field


def _typed(field: str, schema: Any) -> str:
    """The field out of `event_data`, as the type of Postgres that holds all versions of it."""
    kinds = [kind for kind in (schema if isinstance(schema, list) else [schema]) if kind != "null"]
    kind = kinds[0]["type"] if isinstance(kinds[0], dict) else kinds[0]
    if len(kinds) > 1 or kind not in _TYPES:
        return f"event_data -> {_literal(field)}"
    return f"(event_data ->> {_literal(field)})::{_TYPES[kind]}"


def _make(connection: psycopg.Connection, view: TypeView) -> None:
    name = sql.Identifier(view.name)
    connection.execute(sql.SQL("create or replace view {} as " + view.query).format(name))
    connection.execute(sql.SQL("comment on view {} is {}").format(name, sql.Literal(view.about)))
    common = connection.execute(_COMMENTS, [list(_COMMON)]).fetchall()
    for column, comment in (*common, *view.comments.items()):
        where = sql.Identifier(view.name, column)
        connection.execute(sql.SQL("comment on column {} is {}").format(where, sql.Literal(comment)))


def _is_taken(connection: psycopg.Connection, name: str) -> bool:
    """Whether something has the view's name that is not ours to replace."""
    if connection.execute("select to_regclass(%s)", [_quoted(name)]).fetchone() == (None,):
        return False
    ours = connection.execute("select from migrations where starts_with(name, %s)", [f"view {name} "])
    return ours.fetchone() is None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
