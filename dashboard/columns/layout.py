"""The columns of a file: each is an expression over the view `events`, computed by Postgres when the file is made.

So a filter or a ranking means the same in a file as in SQL over rows, and a question needs no JSON. Files of
another layout are in another folder: a new expression makes all files again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avro_schemas.schema import typed_events
from dashboard.filters import FILTERS, PROPERTY

# Part of the layout's name: raise it when files are written in another way.
_VERSION = 3


def _as_uuid(key: str) -> str:
    """A key of 16 bytes as a number. Other producers may write keys of other lengths: those are hashed."""
    hashed = f"substr(encode(sha256(convert_to({key}, 'UTF8')), 'hex'), 1, 32)"
    return f"(case when length({key}) = 32 then {key} else {hashed} end)::uuid"


_TYPED = ", ".join(f"'{name}'" for name in sorted(typed_events()))
# Part the properties of an event, and their names from their values.
ENTRY, VALUE = "chr(30)", "chr(31)"
_PROPERTIES = f"""case when event_type not in ({_TYPED}) then (
    select string_agg(
        translate(property.name, {ENTRY} || {VALUE}, '') || {VALUE}
            || translate(property.value #>> '{{}}', {ENTRY} || {VALUE}, ''), {ENTRY})
    from jsonb_each(event_data) as property (name, value)
    where jsonb_typeof(property.value) in ('string', 'number', 'boolean')
) end"""
_MILLISECONDS = "('x' || left(event_uuid::text, 8) || substr(event_uuid::text, 10, 4))::bit(48)::bigint"
_IS_VITAL = "event_type = 'web_vital' and jsonb_typeof(event_data -> 'value') = 'number'"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of files. The expression belongs to Postgres, the type to DuckDB."""

    name: str
    expression: str
    type: str = "VARCHAR"


_COLUMNS = (
    # The time inside the id.
    Column("ms", _MILLISECONDS, "BIGINT"),
    Column("occurred", "milliseconds_of(occurred_at)", "BIGINT"),
    Column("event_type", "event_type"),
    Column("is_person", "bot is null", "BOOLEAN"),
    Column("person", _as_uuid("coalesce(user_key, visitor_key, session_key)"), "UUID"),
    Column("page", "page"),
    Column("error", FILTERS["error"].expression),
    Column("form", FILTERS["form"].expression),
    Column("properties", _PROPERTIES),
    Column(
        "succeeded", "case when event_type = 'form_submit' then event_data -> 'success' = 'true' end", "BOOLEAN"
    ),
    Column("metric", f"case when {_IS_VITAL} then event_data ->> 'metric' end"),
    Column("value", f"case when {_IS_VITAL} then (event_data ->> 'value')::float8 end", "DOUBLE"),
)


class Table:
    """The columns of files, as Postgres makes them of the rows of a time and DuckDB stores them."""

    # Over the rows of a time, `{first}` to `{end}`.
    rows = "events_between('{first}', '{end}')"
    # By type, so that a question about one type skips the others; by visitor, as equal values are neighbours then.
    order = "event_type, person, ms"

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)

    @property
    def name(self) -> str:
        """Of the folder of the files: another one for other columns."""
        described = repr((_VERSION, [(each.name, each.expression, each.type) for each in self.columns]))
        return hashlib.sha256(described.encode()).hexdigest()[:12]

    @property
    def select_list(self) -> str:
        """For Postgres. Expressions are written for queries with parameters, in which `%` is doubled."""
        return ", ".join(f"{each.expression} as {each.name}" for each in self.columns).replace("%%", "%")

    @property
    def csv_columns(self) -> str:
        """For DuckDB's `read_csv`."""
        return "{" + ", ".join(f"'{each.name}': '{each.type}'" for each in self.columns) + "}"

    @property
    def no_rows(self) -> str:
        """For DuckDB: an empty table with these columns."""
        columns = ", ".join(f"null::{each.type} as {each.name}" for each in self.columns)
        return f"select {columns} where false"


class Layout(Table):
    """The columns of events, with those of all filters and rankings (expressions over the view `events`)."""

    # The same over rows with some `{ids}` of a `{day}`.
    rows_by_id = "events where day = '{day}' and event_uuid = any('{{{ids}}}'::uuid[])"

    def __init__(self, rankings: Sequence[str]) -> None:
        compared = {name: each.expression for name, each in FILTERS.items() if name != PROPERTY}
        known = {column.expression: column for column in _COLUMNS}
        for expression in (*compared.values(), *rankings):
            known.setdefault(expression, Column(f"name_{len(known)}", expression))
        super().__init__(tuple(known.values()))
        # Which columns filters and rankings compare and count.
        self.filters: Mapping[str, str] = {name: known[expression].name for name, expression in compared.items()}
        self.rankings = tuple(known[expression].name for expression in rankings)


# The columns of visits that are lists, as text: see ENTRY.
LISTS = ("pages", "routes", "event_types")


class VisitLayout(Table):
    """The columns of visits, with those that filters and rankings name (expressions over the view `visits`)."""

    rows = "visits where started_at >= '{first}' and started_at < '{end}'"
    # The same over those that began at some `{times}`.
    rows_by_time = "visits where started_at = any('{{{times}}}'::timestamptz[])"
    order = "ms"

    def __init__(self, expressions: Sequence[str]) -> None:
        names = dict.fromkeys(each for each in expressions if each not in LISTS)
        # Which column has the values of an expression.
        self.column_of = {expression: f"name_{place}" for place, expression in enumerate(names)}
        super().__init__(
            (
                Column("ms", "milliseconds_of(started_at)", "BIGINT"),
                Column("person", _as_uuid("person"), "UUID"),
                Column("views", "views", "INTEGER"),
                Column("bounced", "bounced", "BOOLEAN"),
                Column("duration", "(extract(epoch from duration) * 1000000)::bigint", "BIGINT"),
                *(Column(name, _entries(name)) for name in LISTS),
                *(Column(name, expression) for expression, name in self.column_of.items()),
            )
        )


def _entries(column: str) -> str:
    different = f"select distinct translate(entry, {ENTRY}, '') as entry from unnest({column}) as entry"
    return f"(select string_agg(entry, {ENTRY}) from ({different}) as entries)"
