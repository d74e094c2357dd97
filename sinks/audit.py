"""Whether every offset that was read is accounted for, and every row that landed is there or was let go."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records of a partition, from its first offset up to the next to land.

    `passed` counts those that were read besides: before a replay, or of an earlier topic of that name.
    """

    topic: str
    partition: int
    first: int
    next: int
    passed: int
    rows: int
    duplicates: int
    dead_letters: int
    erased: int

    @property
    def unexplained(self) -> int:
        """Offsets read that are in no account: above zero lost or gone from Kafka, below counted twice."""
        return self.passed + self.next - self.first - self.rows - self.duplicates - self.dead_letters - self.erased


@dataclass(frozen=True, slots=True)
class Audit:
    """Accounts of all partitions, and the rows that ought to be there."""

    accounts: Sequence[Account]
    rows_there: int
    rows_erased: int
    rows_dropped: int

    @property
    def rows_landed(self) -> int:
        """Rows that landed, by the ledger."""
        return sum(account.rows for account in self.accounts)

    @property
    def rows_missing(self) -> int:
        """Rows that landed, were neither erased nor dropped, and are not there; below zero: nobody landed them."""
        return self.rows_landed - self.rows_erased - self.rows_dropped - self.rows_there

    def faults(self) -> list[str]:
        """Everything that does not add up, in sentences."""
        found = [
            f"{account.topic}/{account.partition}: {account.unexplained} of the offsets {account.first} to "
            f"{account.next - 1} are in no account."
            for account in self.accounts
            if account.unexplained
        ]
        if self.rows_missing:
            found.append(f"{self.rows_missing} rows landed, were neither erased nor dropped, and are not there.")
        return found


def audit(connection: psycopg.Connection) -> Audit:
    """Look at one moment of the database, while landing goes on."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        accounts = connection.execute(_ACCOUNTS).fetchall()
        counts = connection.execute(_ROWS).fetchone()
    return Audit([Account(*account) for account in accounts], *(counts or (0, 0, 0)))


_ACCOUNTS = """
select topic, part, coalesce(first_offset, next_offset - rows - duplicates - dead_letters - erased), next_offset,
    passed, rows, duplicates, dead_letters, erased
from (
    select offsets.topic, offsets.part, offsets.first_offset, offsets.next_offset, offsets.passed,
        coalesce(sum(landed.rows), 0)::bigint as rows,
        coalesce(sum(landed.duplicates), 0)::bigint as duplicates,
        coalesce(sum(landed.dead_letters), 0)::bigint as dead_letters,
        coalesce(sum(landed.erased), 0)::bigint as erased
    from sink_offsets as offsets
    left join landed using (sink, topic, part)
    group by offsets.sink, offsets.cluster_id, offsets.topic, offsets.part
) as summed
order by topic, part
"""
_ROWS = """
select (select count(*) from raw_events), (select coalesce(sum(rows_removed), 0)::bigint from erasures),
    (select coalesce(sum(rows), 0)::bigint from days where state = 'dropped')
"""
