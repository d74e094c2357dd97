"""Which column files answer a question, and what has to be read from Postgres. No I/O.

Rows of an hour only ever grow in number by landing, and shrink by erasures and drops, and Postgres counts all
three in the transaction that changes rows. So a file is exact for an hour if, in the snapshot of the question, the
hour has landed as many rows as when the file was made, and its day has as many erased and dropped ones.
"""

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

HOUR = 3_600_000
DAY = 24 * HOUR


class FilesMissing(Exception):
    """The files of a period are not ready; the message says how far they are. `rows`: how many the period has."""

    def __init__(self, ready: int, days: int, rows: int) -> None:
        super().__init__(f"{ready} of {days} days are ready")
        self.rows = rows


@dataclass(frozen=True, slots=True, kw_only=True)
class DayState:
    """What Postgres says of a UTC day in a snapshot. Times are milliseconds since 1970."""

    start: int
    # Rows that landed, by the start of the hour of their ids.
    hours: Mapping[int, int]
    erased: int = 0
    dropped: int = 0
    # Its rows are being dropped, or are not those that landed: counts say nothing about them.
    is_uncertain: bool = False
    is_packed: bool = False
    # Names the snapshot, as Postgres writes it; empty if it is not known.
    as_of: str = ""

    @property
    def rows(self) -> int:
        """Rows that are stored, by the counts."""
        return sum(self.hours.values()) - self.erased - self.dropped

    @property
    def is_gone(self) -> bool:
        """Whether everything was erased or dropped."""
        return self.rows <= 0 and not self.is_uncertain


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFile:
    """A file with the rows of some hours of a day, as they were in a snapshot."""

    path: str
    # In milliseconds since 1970; the end is not included.
    first: int
    end: int
    # Rows that had landed, by hour; hours without rows are left out.
    hours: Mapping[int, int] = field(hash=False)
    erased: int
    dropped: int
    # Names the snapshot, as in `DayState`.
    as_of: str = ""

    def is_exact(self, day: DayState, hour: int) -> bool:
        """Whether its rows of an hour are those of a snapshot."""
        return self._has_none_too_many(day) and self.hours.get(hour) == day.hours[hour]

    def is_behind(self, day: DayState, hour: int) -> bool:
        """Whether its rows of an hour are those of an earlier snapshot, in which none were erased since."""
        is_older = bool(self.as_of) and self.transactions <= _transactions(day.as_of)
        return is_older and self.first <= hour < self.end and self._has_none_too_many(day) and not day.is_packed

    @property
    def transactions(self) -> int:
        """How many transactions there had been."""
        return _transactions(self.as_of)

    def _has_none_too_many(self, day: DayState) -> bool:
        return not day.is_uncertain and (self.erased, self.dropped) == (day.erased, day.dropped)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, and which hours of it; all of them if there are none. All that is read is in a time."""

    path: str
    # In milliseconds since 1970; the end is not included.
    first: int
    end: int
    spans: tuple[tuple[int, int], ...] = ()
    # A file with times: rows of these are left out.
    without: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """Consecutive hours of a day that no file has exactly."""

    day: DayState
    first: int
    end: int

    @property
    def rows(self) -> int:
        """About how many rows are read for it: of a packed day all of them, to find those of an hour."""
        if self.day.is_packed:
            return sum(self.day.hours.values())
        return sum(rows for hour, rows in self.day.hours.items() if self.first <= hour < self.end)


@dataclass(frozen=True, slots=True)
class Behind:
    """A file that is used though rows of these hours landed or changed since: these are read besides."""

    file: ColumnFile
    day: DayState
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What answers a question about a period: files, what these lack, and hours that are read from Postgres."""

    sources: tuple[Source, ...]
    behind: tuple[Behind, ...]
    missing: tuple[Missing, ...]

    def uses_all_of(self, behind: Behind) -> bool:
        """Whether all hours of a file are used, and it has all hours of its time."""
        file, day = behind.file, behind.day
        hours = {hour for hour in day.hours if file.first <= hour < file.end}
        is_whole = Source(file.path, file.first, file.end) in self.sources
        return is_whole and hours <= file.hours.keys() | {*behind.hours}

    @property
    def missing_rows(self) -> int:
        """About how many rows have to be read from Postgres."""
        return sum(each.rows for each in self.missing)


def plan(
    days: Iterable[DayState],
    files: Iterable[ColumnFile],
    first: int,
    end: int,
    unknown: Collection[tuple[str, int]] = (),
) -> Plan:
    """The plan for the hours that overlap a period, the end not included.

    `unknown`: hours of files (paths) of which it is not known what landed or changed since.
    """
    # Of several exact files the one with most hours: fewer files are opened. Of these the newest one.
    ranked = sorted(files, key=lambda file: (file.first - file.end, -file.transactions, file.path))
    chosen: dict[ColumnFile, list[int]] = {}
    missing, behind = list[Missing](), list[Behind]()
    for day in days:
        if day.is_gone:
            continue
        of_day = [file for file in ranked if file.first < day.start + DAY and day.start < file.end]
        absent, lacking = list[int](), dict[ColumnFile, list[int]]()
        for hour in sorted(hour for hour in day.hours if hour + HOUR > first and hour < end):
            file = next((each for each in of_day if each.is_exact(day, hour)), None)
            if file is None and (file := _newest(of_day, day, hour, unknown)):
                lacking.setdefault(file, []).append(hour)
            if file is None:
                absent.append(hour)
            else:
                chosen.setdefault(file, []).append(hour)
        behind += (Behind(file, day, tuple(hours)) for file, hours in lacking.items())
        missing += (Missing(day, *span) for span in spans_of(absent))
    return Plan(tuple(_source(file, hours) for file, hours in chosen.items()), tuple(behind), tuple(missing))


def _newest(
    files: Iterable[ColumnFile], day: DayState, hour: int, unknown: Collection[tuple[str, int]]
) -> ColumnFile | None:
    """The newest file of an hour that landed or changed since."""
    usable = [file for file in files if file.is_behind(day, hour) and (file.path, hour) not in unknown]
    return max(usable, key=lambda file: file.transactions, default=None)


def _source(file: ColumnFile, hours: Sequence[int]) -> Source:
    if file.hours.keys() <= {*hours}:
        return Source(file.path, file.first, file.end)
    return partly(file.path, hours)


def partly(path: str, hours: Sequence[int]) -> Source:
    """Some hours of a file, in their order."""
    return Source(path, hours[0], hours[-1] + HOUR, tuple(spans_of(hours)))


def part_of(path: str, hours: Collection[int], wanted: Collection[int]) -> Source | None:
    """Those of the hours of a file that are wanted; None if there are none."""
    if not (used := sorted({*hours} & {*wanted})):
        return None
    return Source(path, used[0], used[-1] + HOUR) if len(used) == len(hours) else partly(path, used)


def spans_of(starts: Sequence[int], length: int = HOUR) -> list[tuple[int, int]]:
    """Hours, or other times of equal length, in their order: consecutive ones as one span each."""
    spans: list[tuple[int, int]] = []
    for start in starts:
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], start + length)
        else:
            spans.append((start, start + length))
    return spans


def is_as_counted(day: DayState, first: int, end: int, rows: int) -> bool:
    """Whether a file with so many rows of some hours has those that the counts say."""
    if day.is_uncertain:
        return False
    if first <= min(day.hours) and max(day.hours) < end:
        return rows == day.rows
    # Counts do not say in which hours rows were erased or dropped.
    landed = sum(landed for hour, landed in day.hours.items() if first <= hour < end)
    return rows == landed if not day.erased and not day.dropped else rows <= landed


def version_of(days: Sequence[DayState], first: int, end: int) -> str:
    """Another one whenever rows of a period change."""
    states = [
        (
            day.start,
            day.erased,
            day.dropped,
            [(hour, rows) for hour, rows in sorted(day.hours.items()) if hour + HOUR > first and hour < end],
            # Counts say nothing about its rows.
            uuid.uuid4().hex if day.is_uncertain else "",
        )
        for day in days
    ]
    return hashlib.sha256(repr(states).encode()).hexdigest()


def _transactions(as_of: str) -> int:
    """Of a snapshot as Postgres writes it: the number after that of the last transaction which it may have."""
    return int(as_of.split(":")[1]) if as_of else 0
