"""The audit: proves that every offset was accounted for, and that every row is stored, erased or dropped.

It checks equations:

- per partition: offsets read = rows + duplicates + dead letters + erased + empty
- per day (by the time inside the ids): rows landed = rows stored + rows erased + rows dropped; and that by type
- per day: the ids that are stored add up to those that landed, and so does what a sample of rows holds
- per block of packed events: it holds what was packed
- per hour of visits that maintenance recounted: nothing differed
- in total: rows landed by the ledger (`landed`) = rows landed by the roll-up; dead letters by the ledger = those
  stored, erased or expired; of events that were counted as duplicates, a sample is stored

Rows, roll-up, ledger and offsets are written in one transaction, so all of this holds at every moment, not only
when landing is idle. A dead letter that lands in a replay moves from `dead_letters` to `rows`: the sum stays the
same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from sinks.retention.content import CONTENT, SUMS
from sinks.retention.partitions import id_bounds
from sinks.sql import read_statements
from sinks.visits.recount import Recount, stored

_SQL = read_statements(__name__)
_CONTENTS = _SQL["contents"].format(sums=SUMS)
_BLOCKS = _SQL["blocks"].format(content=CONTENT)
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """What became of the records of a partition, at offsets from `first` up to, but not including, `next`.

    `earlier_reads` counts offsets that the ledger holds in addition: they were read before a replay, or belonged
    to an earlier topic of this name.
    """

    topic: str
    partition: int
    first: int
    next: int
    earlier_reads: int
    rows: int
    duplicates: int
    dead_letters: int
    erased: int
    # Offsets without a record: markers of transactions, and what was aborted.
    empty: int

    @property
    def unexplained(self) -> int:
        """Offsets read that became nothing: above zero they were lost, below zero something was counted twice."""
        read = self.next - self.first + self.earlier_reads
        return read - self.rows - self.duplicates - self.dead_letters - self.erased - self.empty


@dataclass(frozen=True, slots=True)
class DayAccount:
    """What became of the rows of a day, by the time inside their ids. `landed` comes from the roll-up.

    `packed` of the `stored` rows are packed. Of a day that is being dropped, its detached tables count too.
    """

    day: date
    state: str
    landed: int
    stored: int
    packed: int
    erased: int
    dropped: int

    @property
    def missing(self) -> int:
        """Rows that landed, were neither erased nor dropped, and are not stored. Below zero: they never landed."""
        return self.landed - self.erased - self.dropped - self.stored


class Gap(NamedTuple):
    """Offsets read on a day of landing, of which `missing` are unexplained."""

    topic: str
    partition: int
    day: date
    first: int
    next: int
    missing: int


@dataclass(frozen=True, slots=True)
class AuditScope:
    """What to audit: days from `since` to `until`, and one partition or all. None means no bound."""

    since: date | None = None
    until: date | None = None
    partition: int | None = None


_EVERYTHING = AuditScope()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The accounts of partitions and days, and where offsets are unexplained. `complete`: nothing was left out."""

    partitions: Sequence[PartitionAccount]
    days: Sequence[DayAccount]
    gaps: Sequence[Gap]
    complete: bool
    # What maintenance found of hours of visits that it recounted.
    visits: Sequence[Recount] = ()
    # What else does not add up, a sentence each.
    content: Sequence[str] = ()

    @property
    def rows_landed(self) -> int:
        """Rows that landed, by the ledger."""
        return sum(account.rows for account in self.partitions)

    def mismatches(self) -> list[str]:
        """Everything that does not add up, one sentence each."""
        return list(self._mismatches())

    def _mismatches(self) -> Iterator[str]:
        for account in self.partitions:
            # What has a day is reported with it, below.
            of_partition = (gap for gap in self.gaps if gap[:2] == (account.topic, account.partition))
            if without_day := account.unexplained - sum(gap.missing for gap in of_partition):
                yield _unexplained(f"{account.topic}/{account.partition}", without_day, account)
        for gap in self.gaps:
            yield _unexplained(f"{gap.topic}/{gap.partition}, landed on {gap.day}", gap.missing, gap)
        for day in self.days:
            if day.missing:
                yield f"{day.day}: {day.missing} rows landed, were neither erased nor dropped, and are not stored."
        by_rollup = sum(day.landed for day in self.days)
        if self.complete and by_rollup != self.rows_landed:
            yield f"{self.rows_landed} rows landed by the ledger, but {by_rollup} by the roll-up."
        yield from self.content
        yield from (hour.sentence for hour in self.visits if hour.differs)


def audit(connection: psycopg.Connection, scope: AuditScope = _EVERYTHING) -> AuditReport:
    """Audit one snapshot of the database. Landing may go on meanwhile."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        return audit_snapshot(connection, scope)


def audit_snapshot(connection: psycopg.Connection, scope: AuditScope = _EVERYTHING) -> AuditReport:
    """Audit what the open transaction of a connection sees."""
    since, until = scope.since or _FIRST_DAY, scope.until or _LAST_DAY
    parameters = {
        "since": since,
        "until": until,
        "low": id_bounds(since)[0],
        "high": id_bounds(until)[1],
        "partition": scope.partition,
    }
    partitions = "partitions_by_day" if scope.since or scope.until else "all_partitions"
    # First: a table can be dropped at any moment, whatever the snapshot says of its day.
    hidden = _hidden_rows(connection, parameters)
    partition_rows = connection.execute(_SQL[partitions], parameters).fetchall()
    gap_rows = connection.execute(_SQL["gaps"], parameters).fetchall()
    # Rows do not know the partition they came from.
    found = connection.execute(_SQL["days"], parameters).fetchall() if scope.partition is None else []
    days = [DayAccount(*columns) for columns in found]
    content = list(_content(connection, parameters)) if scope.partition is None else []
    dead_letters = list(_dead_letters(connection)) if scope == _EVERYTHING else []
    return AuditReport(
        [PartitionAccount(*columns) for columns in partition_rows],
        [replace(day, stored=day.stored + hidden.get(day.day, 0)) for day in days],
        [Gap(*columns) for columns in gap_rows],
        complete=scope == _EVERYTHING,
        visits=stored(connection) if scope == _EVERYTHING else [],
        content=[*content, *dead_letters],
    )


def _hidden_rows(connection: psycopg.Connection, parameters: Mapping[str, Any]) -> dict[date, int]:
    """Of days that are being dropped: the rows in those of its tables that no view shows any more."""
    hidden = dict[date, int]()
    for day, tables in connection.execute(_SQL["detached"], parameters).fetchall():
        hidden[day] = 0
        for table in tables:
            is_packed = table.rpartition(".")[2].startswith("packed")
            number = sql.SQL("coalesce(sum(cardinality(event_ids)), 0)" if is_packed else "count(*)")
            query = _SQL["count_detached"].format(number=number, table=sql.SQL(table), name=sql.Literal(table))
            (rows,) = connection.execute(query).fetchone() or (0,)
            hidden[day] += int(rows)
    return hidden


def _content(connection: psycopg.Connection, parameters: Mapping[str, Any]) -> Iterator[str]:
    for day, event_type, expected, found in connection.execute(_SQL["types"], parameters):
        yield f"{day}: {expected} rows of the type {event_type} landed and were not erased, {found} are stored."
    for day, ids, _contents in connection.execute(_CONTENTS, parameters):
        what = "the stored rows are not those that landed: their ids" if ids else "what the stored rows hold"
        yield f"{day}: {what} do{'' if ids else 'es'} not add up to what landing wrote."
    for day, blocks in connection.execute(_BLOCKS, parameters):
        yield f"{day}: {blocks} blocks of packed events do not hold what was packed into them."
    sampled, missing = connection.execute(_SQL["duplicates"], parameters).fetchone() or (0, 0)
    if missing:
        yield f"Of {sampled} sampled events that were counted as duplicates, {missing} are not stored at all."


def _dead_letters(connection: psycopg.Connection) -> Iterator[str]:
    counted, found = connection.execute(_SQL["dead_letters"]).fetchone() or (0, 0)
    if counted != found:
        yield f"{counted} dead letters by the ledger, but {found} are stored, were erased or have expired."


def partition_accounts(connection: psycopg.Connection) -> list[PartitionAccount]:
    """The accounts of partitions alone. They are cheap, while auditing days reads every row."""
    found = connection.execute(_SQL["all_partitions"], {"partition": None}).fetchall()
    return [PartitionAccount(*columns) for columns in found]


def _unexplained(where: str, count: int, offsets: PartitionAccount | Gap) -> str:
    first, last = offsets.first, offsets.next - 1
    if count < 0:
        return f"{where}: {-count} more records are counted than there are offsets from {first} to {last}."
    return f"{where}: {count} of the offsets {first} to {last} are missing from the ledger."
