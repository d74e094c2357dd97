"""Inserts rows into `raw_events`: by binary COPY, merged if some exist, halved if Postgres rejects a value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from sinks import metrics
from sinks.columns import COPY_TYPES, NAMES, encode
from sinks.landing.rows import DeadLetter, LocatedRow, dead_letter
from sinks.postgres.lookups import LookupTables
from sinks.postgres.sqlstates import decision_of
from sinks.retention.packing import delete_already_packed
from sinks.sql import read_statements

_SQL = read_statements(__name__)
_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, NAMES))
COPY = _SQL["copy"].format(columns=_COLUMNS)
_COPY_STAGED = _SQL["copy_staged"].format(columns=_COLUMNS)
_MERGE = _SQL["merge"].format(columns=_COLUMNS)


@dataclass(frozen=True, slots=True)
class InsertResult:
    """The rows that were inserted, those that were there already, and the rows that Postgres rejects."""

    rows: Sequence[LocatedRow]
    duplicates: Sequence[LocatedRow]
    rejected: Sequence[DeadLetter]


class Inserter:
    """Inserts rows in an open transaction. Their types and devices must be in the lookup tables."""

    def __init__(self, lookups: LookupTables) -> None:
        self._lookups = lookups

    def insert(self, connection: psycopg.Connection, rows: Sequence[LocatedRow]) -> InsertResult:
        """Insert the rows that are new and that Postgres accepts."""
        if not rows:
            return InsertResult([], [], [])
        try:
            # A savepoint: a COPY that fails takes back its rows and not the transaction.
            with connection.transaction():
                self._copy(connection, COPY, rows)
        except psycopg.errors.UniqueViolation:
            metrics.MERGE_FALLBACKS.inc()
            return self._merge(connection, rows)
        except psycopg.Error as error:
            if decision_of(error) != "isolate":
                raise
            return self._bisect(connection, rows, error)
        return InsertResult(rows, [], [])

    def _merge(self, connection: psycopg.Connection, rows: Sequence[LocatedRow]) -> InsertResult:
        connection.execute(_SQL["create_staged"])
        self._copy(connection, _COPY_STAGED, rows)
        new = {event_id.bytes for (event_id,) in connection.execute(_MERGE).fetchall()}
        connection.execute(_SQL["empty_staged"])
        return InsertResult(
            rows=[located for located in rows if located[2].event_id in new],
            duplicates=[located for located in rows if located[2].event_id not in new],
            rejected=[],
        )

    def _bisect(
        self, connection: psycopg.Connection, rows: Sequence[LocatedRow], error: psycopg.Error
    ) -> InsertResult:
        """Halve until each rejected row is alone: about 2 log2(n) statements per rejected row."""
        if len(rows) == 1:
            ((partition, record, _row),) = rows
            detail = f"{error.sqlstate}: {error}"
            return InsertResult([], [], [dead_letter(partition, record, "row_rejected", detail, error.sqlstate)])
        middle = len(rows) // 2
        first, second = (self.insert(connection, half) for half in (rows[:middle], rows[middle:]))
        return InsertResult(
            [*first.rows, *second.rows],
            [*first.duplicates, *second.duplicates],
            [*first.rejected, *second.rejected],
        )

    def _copy(self, connection: psycopg.Connection, statement: sql.Composed, rows: Sequence[LocatedRow]) -> None:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(COPY_TYPES)
            for values in encode([row for _partition, _record, row in rows], self._lookups):
                copy.write_row(values)


def without_packed(connection: psycopg.Connection, inserted: InsertResult) -> InsertResult:
    """Delete rows again that are in packed rows already, and count them as duplicates.

    The primary key is that of `raw_events`, so it does not know the ids of packed rows.
    """
    packed = delete_already_packed(connection, (row for _partition, _record, row in inserted.rows))
    if not packed:
        return inserted
    return replace(
        inserted,
        rows=[located for located in inserted.rows if located[2].event_id not in packed],
        duplicates=[
            *inserted.duplicates,
            *(located for located in inserted.rows if located[2].event_id in packed),
        ],
    )
