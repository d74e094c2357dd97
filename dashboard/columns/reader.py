"""Says what answers a question about events as of a snapshot, and reads what files lack."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dashboard.columns.day_files import DayFiles
from dashboard.columns.folder import Folder
from dashboard.columns.followed import caught_up_plan
from dashboard.columns.later import Later
from dashboard.columns.plan import HOUR, DayState, FilesMissing, Missing, Plan, Source, plan, version_of
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.tail import Tail

# How long after its end an hour is read as one that still grows.
_OPEN_MS = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a question reads: files that hold exactly the rows of one snapshot of Postgres."""

    # What has the rows of the period.
    sources: tuple[Source, ...]
    # The same if and only if the rows of the period are the same.
    version: str
    # Days that were read from column files, and rows that were read from Postgres.
    days: int
    rows: int
    as_of: datetime
    # Nothing was read, as whoever asks knows the result for this version.
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a time, whether who asks knows the result for a version, and how much Postgres may be read.

    If files lack more rows than `max_rows`, they are made first.
    """

    first: int
    end: int
    is_known: Callable[[str], bool]
    max_rows: int | None


class Reader:
    """Reads closed hours into the folder, and open hours and what landed later into files of this process.

    One thread at a time uses it, with snapshots that are each newer than the one before.
    """

    def __init__(self, folder: Folder, day_files: DayFiles, tail: Tail, later: Later) -> None:
        self._folder, self._day_files, self._tail, self._later = folder, day_files, tail, later

    def read(self, snapshot: Snapshot, asked: Asked) -> Reading:
        """What answers a question. Raise `FilesMissing`."""
        now, first, end = now_ms(), asked.first, asked.end
        days = snapshot.days(first, end)
        version = version_of(days, first, end)
        if asked.is_known(version):
            return Reading(sources=(), version=version, days=0, rows=0, as_of=datetime.now(UTC), is_known=True)
        self._check_lacking(days, asked, now)
        planned = self.planned(snapshot, days, first, end)
        read = [each for piece in _pieces(planned, now) for each in self._read_piece(snapshot, piece, now)]
        read += self._later.sources(planned.behind)
        return Reading(
            sources=(*planned.sources, *(source for source, _rows in read)),
            version=version,
            days=len({_day_of(each) for each in planned.sources}),
            rows=sum(rows for _source, rows in read),
            as_of=datetime.now(UTC),
        )

    def _check_lacking(self, days: Sequence[DayState], asked: Asked, now: int) -> None:
        """Raise `FilesMissing` if too many rows would have to be read."""
        planned = plan(days, self._folder.files, asked.first, asked.end, self._later.unknown)
        pieces = _pieces(planned, now)
        lacking = sum(max(0, piece.rows - self._tail.rows(piece.first)) for piece in pieces)
        lacking += self._later.lacking(planned.behind)
        if asked.max_rows is not None and lacking > asked.max_rows:
            ready = len(days) - len({piece.day.start for piece in pieces})
            raise FilesMissing(ready, len(days), sum(day.rows for day in days))

    def planned(self, snapshot: Snapshot, days: Sequence[DayState], first: int, end: int) -> Plan:
        """A plan, and what its files lack is read."""
        return caught_up_plan(snapshot, days, self._folder.files, first, end, self._later)

    def _read_piece(self, snapshot: Snapshot, piece: Missing, now: int) -> Sequence[tuple[Source, int]]:
        """Files with rows that no file of the folder has, and how many they are."""
        if piece.first >= open_from(now):
            return self._tail.catch_up(snapshot, piece.day, piece.first, now)
        return [self._day_files.made(snapshot, piece.day, piece.first, piece.end)]


def _pieces(planned: Plan, now: int) -> Sequence[Missing]:
    return [piece for missing in planned.missing for piece in _split(missing, open_from(now))]


def _split(missing: Missing, open_from: int) -> Iterator[Missing]:
    """Closed hours as they are, and each open hour by itself."""
    if missing.first < open_from:
        yield Missing(missing.day, missing.first, min(missing.end, open_from))
    for hour in range(max(missing.first, open_from), missing.end, HOUR):
        yield Missing(missing.day, hour, hour + HOUR)


def open_from(now: int) -> int:
    """The first hour in which events still land."""
    return (now - _OPEN_MS) // HOUR * HOUR


def _day_of(source: Source) -> str:
    return Path(source.path).name[:8]


def now_ms() -> int:
    """In milliseconds since 1970."""
    return time.time_ns() // 1_000_000
