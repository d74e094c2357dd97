"""What column files lack: rows that landed since, when their hour was over.

The sinks note the ids of such rows with the transaction that landed them. A file names the snapshot that it was
made in, so the rows that it lacks are those of transactions that were not in it. They are read once, into files of
this process. If they are not as many as the counts say, that hour is read again as a whole: nothing is noted while
most of what lands is late, nor kept for ever.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dashboard.columns.engine import Engine
from dashboard.columns.layout import Layout
from dashboard.columns.plan import HOUR, Behind, Source, part_of
from dashboard.columns.replaced import Replaced
from dashboard.columns.select import rows_of
from dashboard.columns.snapshot import Snapshot

# More are not read by their ids: that takes longer than to read their hours.
_MAX_ROWS = 200_000
# Each costs a question some time.
_MAX_FILES = 8


@dataclass(slots=True)
class _Followed:
    """An hour of a file (path), as of a snapshot: how many rows it lacked, which all are read."""

    path: str
    as_of: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """A file of this process: which hours it has, and how many rows of those that are in use."""

    path: str
    hours: frozenset[int]
    rows: dict[int, int]


class Later:
    """The rows that files lack. One thread at a time uses it, each time with a newer snapshot."""

    def __init__(self, engine: Engine, layout: Layout) -> None:
        self._engine, self._layout = engine, layout
        self._followed: dict[int, _Followed] = {}
        self._read: list[_Read] = []
        self._replaced = Replaced()
        # Hours of files (paths) of which it is not known which rows they lack.
        self.unknown: frozenset[tuple[str, int]] = frozenset()

    def lacking(self, behind: Sequence[Behind]) -> int:
        """About how many rows have to be read."""
        return sum(self._lacking(each, hour) for each in behind for hour in each.hours)

    def catch_up(self, snapshot: Snapshot, behind: Sequence[Behind]) -> bool:
        """Read what files lack. Return whether it is known for all hours; else `unknown` has other ones."""
        unknown, to_read = set[tuple[str, int]](), dict[int, list[UUID]]()
        lacking = {(each.file.path, hour): self._lacking(each, hour) for each in behind for hour in each.hours}
        for each in behind:
            ids = self._ids(snapshot, each) if sum(lacking.values()) <= _MAX_ROWS else []
            found = Counter(map(hour_of, ids))
            unknown |= {of for hour in each.hours if lacking[of := (each.file.path, hour)] != found[hour]}
            to_read.setdefault(each.day.start, []).extend(ids)
        if not unknown and not self._add(snapshot, to_read):
            # Somebody removed some by hand.
            unknown = {of for of, rows in lacking.items() if rows}
        if unknown:
            self.unknown |= unknown
            return False
        for each in behind:
            for hour in each.hours:
                followed = self._following(each, hour)
                followed.rows += lacking[each.file.path, hour]
                followed.as_of = each.day.as_of
        return True

    def sources(self, behind: Sequence[Behind]) -> Sequence[tuple[Source, int]]:
        """What has the rows that files lack, and how many they are."""
        wanted = {hour for each in behind for hour in each.hours}
        parts = [(part_of(each.path, each.hours, each.rows.keys() & wanted), each) for each in self._read]
        return [
            (source, sum(rows for hour, rows in each.rows.items() if hour in wanted))
            for source, each in parts
            if source
        ]

    def forget(self, used: Collection[str]) -> None:
        """Forget all files but those in use (paths), and delete what no question reads any more."""
        for hour in [hour for hour, of in self._followed.items() if of.path not in used]:
            self._forget(hour)
        self.unknown = frozenset(each for each in self.unknown if each[0] in used)
        self._replaced.add(each.path for each in self._read if not each.rows)
        self._read = [each for each in self._read if each.rows]
        self._replaced.delete_unused()

    def _forget(self, hour: int) -> None:
        self._followed.pop(hour, None)
        for each in self._read:
            each.rows.pop(hour, None)

    def _following(self, behind: Behind, hour: int) -> _Followed:
        """What is known of an hour of a file. It is followed in one file at a time."""
        if hour not in self._followed or self._followed[hour].path != behind.file.path:
            self._forget(hour)
            self._followed[hour] = _Followed(behind.file.path, behind.file.as_of)
        return self._followed[hour]

    def _lacking(self, behind: Behind, hour: int) -> int:
        """How many rows of an hour are neither in a file nor read."""
        return behind.day.hours[hour] - behind.file.hours.get(hour, 0) - self._following(behind, hour).rows

    def _ids(self, snapshot: Snapshot, behind: Behind) -> Sequence[UUID]:
        """The rows of its hours that a file lacks, and that are not read."""
        since = defaultdict[str, set[int]](set)
        for hour in behind.hours:
            if self._lacking(behind, hour):
                since[self._following(behind, hour).as_of].add(hour)
        return [
            each
            for as_of, its in since.items()
            for each in snapshot.ids_after_hour(min(its), max(its) + HOUR, as_of)
            if hour_of(each) in its
        ]

    def _add(self, snapshot: Snapshot, to_read: Mapping[int, Sequence[UUID]]) -> bool:
        """Read rows of days by their ids. Return whether all of them were there."""
        hours = Counter(hour_of(each) for ids in to_read.values() for each in ids)
        if not hours:
            return True
        path = self._engine.new_path("parquet")
        csvs = (
            csv
            for day, ids in to_read.items()
            for csv in snapshot.csv_files_of(self._layout, ids, day, self._engine.new_path)
        )
        if self._engine.write_csvs(self._layout, csvs, path, {}) != hours.total():
            path.unlink()
            return False
        self._read.append(_Read(str(path), frozenset(hours), hours))
        if len(self._read) > _MAX_FILES:
            self._merge()
        return True

    def _merge(self) -> None:
        path, rows = self._engine.new_path("parquet"), Counter[int]()
        for each in self._read:
            rows.update(each.rows)
        parts = [part_of(each.path, each.hours, each.rows) for each in self._read]
        self._engine.write(rows_of([part for part in parts if part]), path, {})
        self._replaced.add(each.path for each in self._read)
        self._read = [_Read(str(path), frozenset(rows), rows)]


def hour_of(event_id: UUID) -> int:
    """The start of the hour of the time inside an id."""
    return (event_id.int >> 80) // HOUR * HOUR
