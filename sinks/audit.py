"""Whether every offset that was read is accounted for, and every row that landed is there or was let go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import psycopg

from sinks.retention.partitions import bounds


@dataclass(frozen=True, slots=True)
class Account:
    """What became of records of a partition: those with offsets from `first` up to, not including, `next`.

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
class DayOfRows:
    """What became of the rows of a day, by the time inside their ids. `landed` is told by the roll-up."""

    day: date
    state: str
    landed: int
    there: int
    packed: int
    erased: int
    dropped: int

    @property
    def missing(self) -> int:
        """Rows that landed, were neither erased nor dropped, and are not there; below zero: nobody landed them."""
        if self.state in ("detaching", "detached"):
            return 0  # on its way out: counted when it is dropped
        return self.landed - self.erased - self.dropped - self.there


class Gap(NamedTuple):
    """Offsets that landed on a day and are not all in an account."""

    topic: str
    partition: int
    day: date
    first: int
    next: int
    missing: int


@dataclass(frozen=True, slots=True)
class Range:
    """What to prove: days, and one partition or all. An end that is None is open."""

    since: date | None = None
    until: date | None = None
    partition: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return self == Range()


@dataclass(frozen=True, slots=True)
class Audit:
    """Accounts of partitions, days of rows, and where offsets are missing. `whole`: nothing was left out."""

    accounts: Sequence[Account]
    days: Sequence[DayOfRows]
    gaps: Sequence[Gap]
    whole: bool

    @property
    def rows_landed(self) -> int:
        """Rows that landed, by the ledger."""
        return sum(account.rows for account in self.accounts)

    def faults(self) -> list[str]:
        """Everything that does not add up, in sentences."""
        return list(self._faults())

    def _faults(self) -> Iterator[str]:
        for account in self.accounts:
            if elsewhere := account.unexplained - self._in_gaps(account):
                yield _unaccounted(f"{account.topic}/{account.partition}", elsewhere, account)
        for gap in self.gaps:
            yield _unaccounted(f"{gap.topic}/{gap.partition}, on {gap.day}", gap.missing, gap)
        for day in self.days:
            if day.missing:
                yield f"{day.day}: {day.missing} rows landed, were neither erased nor dropped, and are not there."
        rolled_up = sum(day.landed for day in self.days)
        if self.whole and rolled_up != self.rows_landed:
            yield f"{self.rows_landed} rows landed by the ledger, {rolled_up} by the roll-up."

    def _in_gaps(self, account: Account) -> int:
        """How many of the offsets without an account have a day."""
        of_account = (gap for gap in self.gaps if gap[:2] == (account.topic, account.partition))
        return sum(gap.missing for gap in of_account)


def _unaccounted(where: str, count: int, offsets: Account | Gap) -> str:
    return f"{where}: {count} of the offsets {offsets.first} to {offsets.next - 1} are in no account."


_ALL_OF_IT = Range()
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)


def audit(connection: psycopg.Connection, proved: Range = _ALL_OF_IT) -> Audit:
    """Look at one moment of the database, while landing goes on."""
    since, until = proved.since or _FIRST_DAY, proved.until or _LAST_DAY
    span = {"since": since, "until": until, "low": bounds(since)[0], "high": bounds(until)[1]}
    asked = {**span, "partition": proved.partition}
    bounded = proved.since or proved.until
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        accounts = connection.execute(_RANGE if bounded else _ALL, asked).fetchall()
        gaps = connection.execute(_GAPS, asked).fetchall()
        days = connection.execute(_DAYS, asked).fetchall() if proved.partition is None else []
    return Audit(
        [Account(*account) for account in accounts],
        [DayOfRows(*day) for day in days],
        [Gap(*gap) for gap in gaps],
        proved.whole,
    )


def accounts(connection: psycopg.Connection) -> list[Account]:
    """The accounts alone: they cost nothing, while counting rows reads all of them."""
    return [Account(*account) for account in connection.execute(_ALL, {"partition": None}).fetchall()]


_ALL = """
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
    where offsets.part = coalesce(%(partition)s, offsets.part)
    group by offsets.sink, offsets.cluster_id, offsets.topic, offsets.part
) as summed
order by topic, part
"""
# By days of landing. Those before offsets were noted by day have none to prove.
_RANGE = """
select topic, part, min(first_offset), max(next_offset),
    (sum(read) - max(next_offset) + min(first_offset))::bigint as passed, sum(rows)::bigint,
    sum(duplicates)::bigint, sum(dead_letters)::bigint, sum(erased)::bigint
from landed
where day between %(since)s and %(until)s and part = coalesce(%(partition)s, part)
group by sink, topic, part
having min(first_offset) is not null
order by topic, part
"""
# Days of landing whose offsets are not all in an account.
_GAPS = """
select topic, part, day, first_offset, next_offset, read - rows - duplicates - dead_letters - erased
from landed
where read <> rows + duplicates + dead_letters + erased and first_offset is not null
    and day between %(since)s and %(until)s and part = coalesce(%(partition)s, part)
order by topic, part, day
"""
_DAYS = """
with landed as (
    select (hour at time zone 'UTC')::date as day, sum(events)::bigint as rows from events_hourly group by 1
), loose as (
    select day_of(event_id) as day, count(*) as rows from raw_events
    where event_id >= %(low)s and event_id < %(high)s
    group by 1
), packed as (
    select day, sum(rows)::bigint as rows from packed_events
    where day between %(since)s and %(until)s group by 1
), erased as (select day, sum(rows)::bigint as rows from erased_rows group by 1)
select day, coalesce(days.state, 'open'), coalesce(landed.rows, 0),
    coalesce(loose.rows, 0) + coalesce(packed.rows, 0), coalesce(packed.rows, 0), coalesce(erased.rows, 0),
    coalesce(days.dropped, 0)
from landed full join loose using (day) full join packed using (day) left join erased using (day)
    left join days using (day)
where day between %(since)s and %(until)s
order by day
"""
