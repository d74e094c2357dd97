"""Inserts rows into `raw_events`: by binary COPY, merged if some exist, halved if Postgres rejects a value."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from avro_schemas.reasons import CONFLICT
from sinks import metrics
from sinks.columns import COPY_TYPES, HOT_NAMES, encode
from sinks.landing.judge import counted_in
from sinks.landing.rows import DeadLetter, LocatedRow, dead_letter
from sinks.postgres.lookups import LookupTables
from sinks.postgres.sqlstates import decision_of
from sinks.retention.packing import delete_already_packed
from sinks.retention.partitions import ids_and_days
from sinks.retention.same_event import SAME_CONTENT, SAME_SENDER, Likeness
from sinks.sql import read_statements

_SQL = read_statements(__name__)
_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, HOT_NAMES))
COPY = _SQL["copy"].format(columns=_COLUMNS)
_COPY_STAGED = _SQL["copy_staged"].format(columns=_COLUMNS)
_MERGE = _SQL["merge"].format(columns=_COLUMNS)
_COMPARE = _SQL["compare"].format(same_sender=SAME_SENDER, same_content=SAME_CONTENT)

Write = Callable[[psycopg.Connection, list[LocatedRow]], "InsertResult"]


@dataclass(slots=True)
class InsertResult:
    """The rows that were inserted, those that were there already, and those that cannot be.

    `uncertain` are the ids of those that were inserted and that the stream app cannot judge; `counted_in` has what
    the column says of the rows that were there.
    """

    rows: list[LocatedRow] = field(default_factory=list)
    duplicates: list[LocatedRow] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)
    uncertain: set[bytes] = field(default_factory=set)
    counted_in: dict[bytes, int | None] = field(default_factory=dict)

    def add(self, other: "InsertResult") -> None:
        """Add what became of other rows."""
        self.rows += other.rows
        self.duplicates += other.duplicates
        self.rejected += other.rejected
        self.uncertain |= other.uncertain
        self.counted_in |= other.counted_in


class Inserter:
    """Inserts rows in an open transaction. Their types and devices must be in the lookup tables."""

    def __init__(self, lookups: LookupTables) -> None:
        self._lookups = lookups

    def insert(
        self, connection: psycopg.Connection, rows: list[LocatedRow], repeats: Sequence[LocatedRow]
    ) -> InsertResult:
        """Insert the rows that are new and that Postgres accepts; `repeats` have ids of other rows."""
        result = _without_packed(connection, self._isolated(connection, rows, self._insert))
        while repeats:
            # One of each id at a time: whether it is new depends on what became of those before it.
            first = {row.event_id: (partition, record, row) for partition, record, row in reversed(repeats)}
            chosen = {id(record) for _partition, record, _row in first.values()}
            repeats = [located for located in repeats if id(located[1]) not in chosen]
            merged = self._isolated(connection, list(first.values()), self._merge)
            result.add(_without_packed(connection, merged))
        return result

    def _isolated(self, connection: psycopg.Connection, rows: list[LocatedRow], write: Write) -> InsertResult:
        """Write rows; halve until each that Postgres rejects is alone: about 2 log2(n) statements for each."""
        if not rows:
            return InsertResult()
        try:
            return write(connection, rows)
        except psycopg.Error as error:
            if decision_of(error) != "isolate":
                raise
            if len(rows) == 1:
                ((partition, record, _row),) = rows
                detail = f"{error.sqlstate}: {error}"
                letter = dead_letter(partition, record, "row_rejected", detail, error.sqlstate)
                return InsertResult(rejected=[letter])
        middle = len(rows) // 2
        result = self._isolated(connection, rows[:middle], write)
        result.add(self._isolated(connection, rows[middle:], write))
        return result

    def _insert(self, connection: psycopg.Connection, rows: list[LocatedRow]) -> InsertResult:
        try:
            # A savepoint: a COPY that fails takes back its rows and not the transaction.
            with connection.transaction():
                uncertain = self._write(connection, COPY, rows)
        except psycopg.errors.UniqueViolation:
            metrics.MERGE_FALLBACKS.inc()
            return self._merge(connection, rows)
        return InsertResult(rows, uncertain=uncertain)

    def _merge(self, connection: psycopg.Connection, rows: list[LocatedRow]) -> InsertResult:
        with connection.transaction():
            connection.execute(_SQL["create_staged"])
            uncertain = self._write(connection, _COPY_STAGED, rows)
            new = {event_id.bytes for (event_id,) in connection.execute(_MERGE).fetchall()}
            there = [located for located in rows if located[2].event_id not in new]
            ids = ids_and_days(row.event_id for _partition, _record, row in there)
            compared = connection.execute(_COMPARE, ids).fetchall() if there else []
            connection.execute(_SQL["empty_staged"])
        result = InsertResult(
            rows=[located for located in rows if located[2].event_id in new],
            uncertain=uncertain & new,
            counted_in={event_id.bytes: partition for event_id, partition, *_ in compared},
        )
        _sort(result, there, {event_id.bytes: Likeness(*same) for event_id, _partition, *same in compared})
        return result

    def _write(
        self, connection: psycopg.Connection, statement: sql.Composed, rows: Sequence[LocatedRow]
    ) -> set[bytes]:
        """Write rows by COPY. Return the ids of those that are uncertain."""
        counted = counted_in(rows)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(COPY_TYPES)
            for values in encode([row for _partition, _record, row in rows], self._lookups, counted):
                copy.write_row(values)
        if None not in counted:
            return set()
        return {row.event_id for (_part, _record, row), part in zip(rows, counted, strict=True) if part is None}


def _without_packed(connection: psycopg.Connection, inserted: InsertResult) -> InsertResult:
    """Delete rows again that are in packed rows already.

    The primary key is that of `raw_events`, so it does not know the ids of packed rows.
    """
    packed = delete_already_packed(connection, (row for _partition, _record, row in inserted.rows))
    if packed:
        there = [located for located in inserted.rows if located[2].event_id in packed]
        inserted.rows = [located for located in inserted.rows if located[2].event_id not in packed]
        _sort(inserted, there, packed)
    return inserted


def _sort(result: InsertResult, there: Collection[LocatedRow], likeness: Mapping[bytes, Likeness]) -> None:
    """Add records whose id has a row to the duplicates, or to the dead letters if they are other events."""
    for located in there:
        partition, record, row = located
        # Without a row it was removed at this moment, and nothing can be compared.
        if fault := likeness.get(row.event_id, Likeness(True, True)).fault:
            result.rejected.append(dead_letter(partition, record, CONFLICT, fault))
        else:
            result.duplicates.append(located)
