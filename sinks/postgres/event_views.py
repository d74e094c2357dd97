"""How hot and packed rows are read as one: `unpack`, `stored_events`, `events` and `events_between`.

All of it follows from `sinks.columns`: a new column needs no SQL but the migration that adds it to both tables.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from avro_schemas.schema import CUSTOM, latest
from sinks.columns import COLUMNS, NAMES, Column
from sinks.postgres.generated import Generated, Script, View, column_comment
from sinks.sql import read_statements

_SQL = read_statements(__name__)
# In raw_events, `counted_in` stands behind the columns of its first version; packed rows do not have it.
_HOT = NAMES.index("utm_content") + 1
_NOT_COUNTED = "null::smallint"


def _head_comments() -> Mapping[str, str]:
    """The meaning of the fields of the head, by the name of their column in `events`."""
    fields = latest()[CUSTOM].definition["fields"][:-1]
    comments = {field["name"]: field["doc"] for field in fields}
    (device,) = (field["type"]["fields"] for field in fields if field["name"] == "device")
    return comments | {("device" if part["name"] == "kind" else part["name"]): part["doc"] for part in device}


_HEAD = _head_comments()
# The columns of the view `events`.
EVENT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {name: expression for column in COLUMNS for name, expression in column.shown.items()} | {"day": "stored.day"}
)
# The comment of each.
EVENT_COMMENTS: Mapping[str, str] = MappingProxyType(
    {name: _HEAD[name] for name in EVENT_COLUMNS if name in _HEAD}
    | {
        "event_uuid": "The UUIDv7 inside event_id.",
        "schema_id": "Id of the schema that it was published with.",
        "event_data": "What the sender sent as event_data; properties of typed events are an object inside it.",
        "day": "The UTC day of the time inside the id. A filter on it reads only these days.",
    }
)


def event_views() -> Sequence[Generated]:
    """In the order in which they can be created."""
    between = _statement("events_between", columns=", ".join(EVENT_COLUMNS))
    return [_unpack(), _stored_events(), _events(), Script("events_between", [between])]


def _unpack() -> Script:
    elements = ", ".join(f"unnest(block.{column.packed}) as {column.name}" for column in COLUMNS)
    expressions = [column.unpacked for column in COLUMNS]
    unpacked = ", ".join((*expressions[:_HOT], _NOT_COUNTED, *expressions[_HOT:]))
    comments = [
        column_comment(table, name, _stored_comment(column))
        for column in COLUMNS
        for table, name in (("raw_events", column.name), ("packed_events", column.packed))
    ]
    create = _statement("unpack", elements=elements, unpacked=unpacked)
    return Script("unpack", [create, *comments])


def _stored_events() -> View:
    columns, events = (", ".join(prefix + name for name in NAMES) for prefix in ("", "event."))
    return View(
        name="stored_events",
        columns={name: f"stored.{name}" for name in ("day", *NAMES)},
        source=_statement("stored_events", columns=columns, events=events),
        comment="Hot and packed rows, with numbers instead of names. The view events is built on it.",
        column_comments={column.name: _stored_comment(column) for column in COLUMNS}
        | {"day": "The UTC day of the event id."},
    )


def _events() -> View:
    return View(
        name="events",
        columns=EVENT_COLUMNS,
        source=_statement("events"),
        comment="Every accepted event once. "
        "To read only the days you need, use events_between(from, to) or filter by day.",
        column_comments=EVENT_COMMENTS,
    )


def _stored_comment(column: Column) -> str:
    if column.comment:
        return column.comment
    if column.type == "bytea":
        text = f"encode({column.name}, 'hex') is the text of the topics and of the view events."
        return f"{_HEAD[column.name]} As bytes: {text}"
    return _HEAD[column.name]


def _statement(name: str, **parts: str) -> str:
    return _SQL[name].as_string().format(**parts)
