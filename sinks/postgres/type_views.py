"""A view for each event type, generated from the schemas, with the type's own fields as typed columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from avro_schemas.event_types import custom_events
from avro_schemas.schema import by_id, is_json, latest, typed_events
from avro_schemas.view_names import view_name
from sinks.postgres.event_views import EVENT_COLUMNS, EVENT_COMMENTS
from sinks.postgres.generated import View, literal, quoted

_TYPES = {
    "boolean": "boolean",
    "int": "bigint",
    "long": "bigint",
    "float": "double precision",
    "double": "double precision",
    "string": "text",
}


def type_views() -> Sequence[View]:
    """A view for each typed event and for each custom event of the catalogue."""
    typed = [_view(name, latest()[name].definition["doc"], _own_fields(name)) for name in typed_events()]
    return [*typed, *(_view(name, doc, {}) for name, doc in custom_events().items())]


def _view(event_type: str, doc: str, own: Mapping[str, tuple[str, str]]) -> View:
    return View(
        name=view_name(event_type),
        columns={name: quoted(name) for name in EVENT_COLUMNS}
        | {name: expression for name, (expression, _doc) in own.items()},
        source=f"from events where event_type = {literal(event_type)}",
        comment=f"{doc} Each event once. A filter on day reads only these days.",
        column_comments={**EVENT_COMMENTS, **{name: doc for name, (_expression, doc) in own.items()}},
    )


def _own_fields(event_type: str) -> dict[str, tuple[str, str]]:
    """Columns of the type's own fields, of all versions, oldest first: the expression of each, and its meaning."""
    versions = sorted((s for s in by_id().values() if s.name == event_type), key=lambda schema: schema.version)
    fields = [field for schema in versions for field in schema.definition["fields"][-1]["type"]["fields"]]
    return {_column(f["name"]): (_typed(f["name"], f["type"]), f["doc"]) for f in fields if f["name"] != "page"}


def _column(field: str) -> str:
    return f"data_{field}" if field in EVENT_COLUMNS else field


def _typed(field: str, schema: Any) -> str:
    """The field of `event_data`, in the Postgres type that can hold all versions of it; else as jsonb."""
    kinds = [kind for kind in (schema if isinstance(schema, list) else [schema]) if kind != "null"]
    if len(kinds) > 1 or is_json(kinds[0]):
        return f"event_data -> {literal(field)}"
    kind = kinds[0]["type"] if isinstance(kinds[0], dict) else kinds[0]
    if kind not in _TYPES:
        return f"event_data -> {literal(field)}"
    return f"(event_data ->> {literal(field)})::{_TYPES[kind]}"
