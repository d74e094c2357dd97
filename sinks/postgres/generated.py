"""What is generated in Postgres: views and scripts. Each has a mark, by which a newer version is recognized."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from sinks.sql import read_statements

_SQL = read_statements(__name__)


@dataclass(frozen=True, slots=True)
class Script:
    """Statements that can be repeated, such as `create or replace function`."""

    name: str
    statements: Sequence[str]

    @property
    def mark(self) -> str:
        """Its name in the table `migrations`; another version of it has another one."""
        return _mark(self.name, self.statements)

    def create(self, connection: psycopg.Connection) -> None:
        """Run it."""
        for statement in self.statements:
            connection.execute(statement.encode())


@dataclass(frozen=True, slots=True)
class View:
    """A view: the expression of each column, what follows `select`, and comments.

    A column keeps its place once it is there: Postgres lets a view grow only at its end, and readers rely on it.
    """

    name: str
    columns: Mapping[str, str]
    source: str
    comment: str
    column_comments: Mapping[str, str]

    @property
    def mark(self) -> str:
        """Its name in the table `migrations`; another version of it has another one."""
        return _mark(self.name, list(self._statements(())))

    def create(self, connection: psycopg.Connection) -> None:
        """Create it, or replace an earlier version."""
        existing = [name for (name,) in connection.execute(_SQL["columns"], [quoted(self.name)]).fetchall()]
        for statement in self._statements(existing):
            connection.execute(statement.encode())

    def _statements(self, existing: Sequence[str]) -> Iterator[str]:
        names = [name for name in existing if name in self.columns]
        names += [name for name in self.columns if name not in existing]
        columns = ", ".join(f"{self.columns[name]} as {quoted(name)}" for name in names)
        yield f"create or replace view {quoted(self.name)} as select {columns} {self.source}"
        yield f"comment on view {quoted(self.name)} is {literal(self.comment)}"
        for name in self.columns:
            yield column_comment(self.name, name, self.column_comments[name])


Generated = Script | View


def column_comment(relation: str, column: str, comment: str) -> str:
    """The statement that comments a column of a table or view."""
    return f"comment on column {quoted(relation)}.{quoted(column)} is {literal(comment)}"


def quoted(name: str) -> str:
    """The name as an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as a literal in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _mark(name: str, statements: Sequence[str]) -> str:
    return f"view {name} {hashlib.sha256(repr(statements).encode()).hexdigest()[:12]}"
