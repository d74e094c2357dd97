"""Rows into `raw_events`: by binary COPY, merged where some are there already, halved where Postgres refuses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from service_kit.kafka import KafkaRecord
from sinks import metrics
from sinks.columns import COPY_TYPES, NAMES, encode
from sinks.landing.rows import DeadLetter, EventRow, dead_letter
from sinks.postgres.lookups import Dictionaries
from sinks.postgres.sqlstates import decision_of
from sinks.retention.packing import delete_already_packed

_NAMES = sql.SQL(", ").join(map(sql.Identifier, NAMES))
COPY_DIRECT = sql.SQL("copy raw_events ({}) from stdin (format binary)").format(_NAMES)
_COPY_STAGED = sql.SQL("copy staged_events ({}) from stdin (format binary)").format(_NAMES)
_MERGE = sql.SQL(
    "insert into raw_events ({0}) select {0} from staged_events on conflict do nothing returning event_id"
).format(_NAMES)
_STAGE = "create temp table if not exists staged_events (like raw_events) on commit delete rows"

Located = tuple[int, KafkaRecord, EventRow]


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of rows: the new ones, the partitions of those that were there, those that were refused."""

    rows: Sequence[Located]
    duplicates: Sequence[int]
    refused: Sequence[DeadLetter]


class Inserter:
    """Inserts rows in a transaction that is open; their names must be in the dictionaries."""

    def __init__(self, dictionaries: Dictionaries) -> None:
        self._dictionaries = dictionaries

    def insert(self, connection: psycopg.Connection, rows: Sequence[Located]) -> Inserted:
        """Insert the rows that are new and that Postgres takes."""
        if not rows:
            return Inserted([], [], [])
        try:
            with connection.transaction():
                self._copy(connection, COPY_DIRECT, rows)
        except psycopg.errors.UniqueViolation:
            metrics.MERGE_FALLBACKS.inc()
            return self._merge(connection, rows)
        except psycopg.Error as error:
            if decision_of(error) != "isolate":
                raise
            return self._bisect(connection, rows, error)
        return Inserted(rows, [], [])

    def _merge(self, connection: psycopg.Connection, rows: Sequence[Located]) -> Inserted:
        connection.execute(_STAGE)
        self._copy(connection, _COPY_STAGED, rows)
        new = {event_id for (event_id,) in connection.execute(_MERGE).fetchall()}
        connection.execute("truncate staged_events")
        return Inserted(
            rows=[located for located in rows if located[2].event_id in new],
            duplicates=[partition for partition, _record, row in rows if row.event_id not in new],
            refused=[],
        )

    def _bisect(self, connection: psycopg.Connection, rows: Sequence[Located], error: psycopg.Error) -> Inserted:
        """Halve until the refused rows stand alone."""
        if len(rows) == 1:
            ((partition, record, _row),) = rows
            detail = f"{error.sqlstate}: {error}"
            return Inserted([], [], [dead_letter(partition, record, "row_rejected", detail, error.sqlstate)])
        middle = len(rows) // 2
        first, second = (self.insert(connection, half) for half in (rows[:middle], rows[middle:]))
        return Inserted(
            [*first.rows, *second.rows],
            [*first.duplicates, *second.duplicates],
            [*first.refused, *second.refused],
        )

    def _copy(self, connection: psycopg.Connection, statement: sql.Composed, rows: Sequence[Located]) -> None:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(COPY_TYPES)
            for values in encode([row for _partition, _record, row in rows], self._dictionaries):
                copy.write_row(values)


def without_packed(connection: psycopg.Connection, inserted: Inserted) -> Inserted:
    """Without the rows that are packed already, whose ids met no key: they are taken out again, as duplicates."""
    known = delete_already_packed(connection, (row for _partition, _record, row in inserted.rows))
    if not known:
        return inserted
    return replace(
        inserted,
        rows=[located for located in inserted.rows if located[2].event_id not in known],
        duplicates=[*inserted.duplicates, *(part for part, _, row in inserted.rows if row.event_id in known)],
    )
