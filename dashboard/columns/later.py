"""What column files lack: rows that landed since, when their hour was over.

The sinks note the ids of such rows with the transaction that landed them. A file names the snapshot that it was
made in, so the rows that it lacks are those of transactions that were not in it. They are read once, into files of
this process. If they are not as many as the counts say, that hour is read again as a whole: nothing is noted while
most of what lands is late, nor kept for ever.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from dashboard.columns.engine import Engine
from dashboard.columns.layout import Layout
from dashboard.columns.plan import HOUR, Behind, ColumnFile, Source, part_of
from dashboard.columns.replaced import Replaced
from dashboard.columns.select import rows_of
from dashboard.columns.snapshot import Snapshot

# More are not read by their ids: that takes longer than to read their hours.
_MAX_ROWS = 200_000
# Of a file: each costs a question some time.
_MAX_FILES = 8


@dataclass(slots=True)
class _Followed:
    """A file, and what landed of its hours since, as of a snapshot."""

    as_of: str
    rows: Counter[int] = field(default_factory=Counter)
    files: list[tuple[str, Counter[int]]] = field(default_factory=list)


class Later:
    """The rows that files lack. One thread at a time uses it, each time with a newer snapshot."""

    def __init__(self, engine: Engine, layout: Layout) -> None:
        self._engine, self._layout = engine, layout
        self._followed: dict[str, _Followed] = {}
        self._replaced = Replaced()
        # Hours of files (paths) of which it is not known which rows they lack.
        self.unknown: frozenset[tuple[str, int]] = frozenset()

    def lacking(self, behind: Behind) -> int:
        """About how many rows have to be read."""
        return sum(self._lacking(behind).values())

    def catch_up(self, snapshot: Snapshot, behind: Behind) -> bool:
        """Read what a file lacks. Return whether it is known for all hours; else `unknown` has other ones."""
        if lacking := self._lacking(behind):
            file, followed = behind.file, self._following(behind.file)
            ids = [] if sum(lacking.values()) > _MAX_ROWS else snapshot.ids_after_hour(behind.day, followed.as_of)
            by_hour = Counter(hour for each in ids if self._is_known(file, hour := hour_of(each)))
            if unknown := {hour for hour in lacking.keys() | by_hour if lacking.get(hour, 0) != by_hour[hour]}:
                self.unknown |= {(file.path, hour) for hour in unknown}
                return self.catch_up(snapshot, behind)
            if not self._read(snapshot, behind, [each for each in ids if hour_of(each) in lacking]):
                # Somebody removed some by hand.
                self.unknown |= {(file.path, hour) for hour in lacking}
        return not any((behind.file.path, hour) in self.unknown for hour in behind.hours)

    def sources(self, behind: Behind) -> Sequence[tuple[Source, int]]:
        """What has the rows that a file lacks, and how many they are."""
        files = [(part_of(path, rows, behind.hours), rows) for path, rows in self._following(behind.file).files]
        return [
            (source, sum(number for hour, number in rows.items() if hour in behind.hours))
            for source, rows in files
            if source
        ]

    def forget(self, used: Collection[str]) -> None:
        """Forget all files but those in use (paths), and delete what no question reads any more."""
        for path in self._followed.keys() - {*used}:
            self._replaced.add(each for each, _rows in self._followed.pop(path).files)
        self.unknown = frozenset(each for each in self.unknown if each[0] in used)
        self._replaced.delete_unused()

    def _following(self, file: ColumnFile) -> _Followed:
        return self._followed.setdefault(file.path, _Followed(file.as_of))

    def _is_known(self, file: ColumnFile, hour: int) -> bool:
        return file.first <= hour < file.end and (file.path, hour) not in self.unknown

    def _lacking(self, behind: Behind) -> Mapping[int, int]:
        """How many rows of each hour are neither in a file nor read."""
        file, rows = behind.file, self._following(behind.file).rows
        lacking = {
            hour: landed - file.hours.get(hour, 0) - rows[hour]
            for hour, landed in behind.day.hours.items()
            if self._is_known(file, hour)
        }
        return {hour: count for hour, count in lacking.items() if count}

    def _read(self, snapshot: Snapshot, behind: Behind, ids: Sequence[UUID]) -> bool:
        """Read rows by their ids. Return whether all of them were there."""
        path, followed = self._engine.new_path("parquet"), self._following(behind.file)
        csvs = snapshot.csv_files_of(self._layout, ids, behind.day, self._engine.new_path)
        rows = self._engine.write_csvs(self._layout, csvs, path, {})
        if rows != len(ids):
            path.unlink()
            return False
        by_hour = Counter(map(hour_of, ids))
        followed.as_of = behind.day.as_of
        followed.rows += by_hour
        followed.files.append((str(path), by_hour))
        if len(followed.files) > _MAX_FILES:
            self._merge(followed)
        return True

    def _merge(self, followed: _Followed) -> None:
        merged, paths = self._engine.new_path("parquet"), [path for path, _rows in followed.files]
        self._engine.write(rows_of([Source(path, 0, 0) for path in paths]), merged, {})
        followed.files = [(str(merged), +followed.rows)]
        self._replaced.add(paths)


def hour_of(event_id: UUID) -> int:
    """The start of the hour of the time inside an id."""
    return (event_id.int >> 80) // HOUR * HOUR
