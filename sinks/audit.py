"""The audit: proves that every offset was accounted for, and that every row is stored, erased or dropped.

It checks three equations:

- per partition: offsets read = rows + duplicates + dead letters + erased
- per day (by the time inside the ids): rows landed = rows stored + rows erased + rows dropped
- in total: rows landed by the ledger (`landed`) = rows landed by the roll-up

Rows, roll-up, ledger and offsets are written in one transaction, so all of this holds at every moment, not only
when landing is idle. A dead letter that lands in a replay moves from `dead_letters` to `rows`: the sum stays the
same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import psycopg

from sinks.retention.partitions import id_bounds
from sinks.sql import read_statements

_SQL = read_statements(__name__)
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

    @property
    def unexplained(self) -> int:
        """Offsets read that became nothing: above zero they were lost, below zero something was counted twice."""
        read = self.next - self.first + self.earlier_reads
        return read - self.rows - self.duplicates - self.dead_letters - self.erased


@dataclass(frozen=True, slots=True)
class DayAccount:
    """What became of the rows of a day, by the time inside their ids. `landed` comes from the roll-up.

    `packed` of the `stored` rows are packed.
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
        if self.state in ("detaching", "detached"):
            return 0  # its rows are out of sight, and are counted when it is dropped
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


def audit(connection: psycopg.Connection, scope: AuditScope = _EVERYTHING) -> AuditReport:
    """Audit one snapshot of the database. Landing may go on meanwhile."""
    since, until = scope.since or _FIRST_DAY, scope.until or _LAST_DAY
    parameters = {
        "since": since,
        "until": until,
        "low": id_bounds(since)[0],
        "high": id_bounds(until)[1],
        "partition": scope.partition,
    }
    partitions = "partitions_by_day" if scope.since or scope.until else "all_partitions"
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        partition_rows = connection.execute(_SQL[partitions], parameters).fetchall()
        gap_rows = connection.execute(_SQL["gaps"], parameters).fetchall()
        # Rows do not know the partition they came from.
        day_rows = connection.execute(_SQL["days"], parameters).fetchall() if scope.partition is None else []
    return AuditReport(
        [PartitionAccount(*columns) for columns in partition_rows],
        [DayAccount(*columns) for columns in day_rows],
        [Gap(*columns) for columns in gap_rows],
        complete=scope == _EVERYTHING,
    )


def partition_accounts(connection: psycopg.Connection) -> list[PartitionAccount]:
    """The accounts of partitions alone. They are cheap, while auditing days reads every row."""
    found = connection.execute(_SQL["all_partitions"], {"partition": None}).fetchall()
    return [PartitionAccount(*columns) for columns in found]


def _unexplained(where: str, count: int, offsets: PartitionAccount | Gap) -> str:
    first, last = offsets.first, offsets.next - 1
    if count < 0:
        return f"{where}: {-count} more records are counted than there are offsets from {first} to {last}."
    return f"{where}: {count} of the offsets {first} to {last} are missing from the ledger."
