"""What column files have in an older version: visits that changed since.

Postgres notes which visits of an hour changed from one version to the next. If these changes lead from the version
of a file to that of a snapshot, the visits that they name are all that is different: they are read again, into a
file of this process, and are left out of the other one. If not, the hour is read again as a whole: nothing is
noted if very many change at a time, nor kept for ever.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dashboard.columns.engine import Engine
from dashboard.columns.layout import VisitLayout
from dashboard.columns.plan import Behind, Source, part_of
from dashboard.columns.replaced import Replaced
from dashboard.columns.select import rows_of
from dashboard.columns.snapshot import Snapshot, VisitChange

# More are not read by themselves: that takes longer than to read their hours.
_MAX_CHANGED = 100_000


@dataclass(slots=True)
class _Followed:
    """An hour of a file (path): the version that it was followed to, and when visits began that changed."""

    path: str
    version: int
    times: set[int] = field(default_factory=set)


class ChangedVisits:
    """The visits that changed. One thread at a time uses it, each time with a newer snapshot."""

    def __init__(self, engine: Engine, layout: VisitLayout) -> None:
        self._engine, self._layout = engine, layout
        self._followed: dict[int, _Followed] = {}
        # Files of this process: of all visits that changed, and of the times when these began.
        self._visits = self._times = ""
        # Which hours the former has; of some of these nothing is in use any more.
        self._hours: set[int] = set()
        self._replaced = Replaced()
        # Hours of files (paths) of which it is not known what changed.
        self.unknown: frozenset[tuple[str, int]] = frozenset()

    def catch_up(self, snapshot: Snapshot, behind: Sequence[Behind]) -> bool:
        """Read what changed. Return whether that is known for all hours; else `unknown` has other ones."""
        followed = {hour: self._following(each, hour) for each in behind for hour in each.hours}
        wanted = {hour: each.day.hours[hour] for each in behind for hour in each.hours}
        old = {hour: each.version for hour, each in followed.items() if each.version != wanted[hour]}
        changes = snapshot.visit_changes(old) if old else {}
        times = {hour: times_between(changes[hour], version, wanted[hour]) for hour, version in old.items()}
        unknown = {hour for hour, its in times.items() if its is None}
        changed = {hour: {*its} for hour, its in times.items() if its}
        if sum(map(len, changed.values())) + self.count(followed) > _MAX_CHANGED:
            unknown = {*old}
        self.unknown |= {(followed[hour].path, hour) for hour in unknown}
        if unknown:
            return False
        if changed:
            self._read(snapshot, changed)
        for hour, each in followed.items():
            each.version = wanted[hour]
        return True

    def sources(self, behind: Behind, own: Source) -> Sequence[Source]:
        """What is left of a file, `own` is what is used of it; the changed visits have a source for all files."""
        hours = [hour for hour in behind.file.hours if _is_in(own, hour)]
        same = part_of(own.path, behind.file.hours, {*hours} - {*behind.hours})
        changed = part_of(own.path, behind.file.hours, behind.hours)
        if changed and self._times:
            changed = dataclasses.replace(changed, without=self._times)
        return [each for each in (same, changed) if each]

    def visits(self, behind: Sequence[Behind]) -> Sequence[Source]:
        """What has the visits that changed."""
        wanted = {hour for each in behind for hour in each.hours if self._following(each, hour).times}
        source = part_of(self._visits, self._hours, wanted)
        return [source] if source else []

    def count(self, hours: Iterable[int]) -> int:
        """About how many visits of some hours changed."""
        return sum(len(self._followed[hour].times) for hour in hours if hour in self._followed)

    def forget(self, used: Collection[str]) -> None:
        """Forget all files but those in use (paths), and delete what no question reads any more."""
        self._followed = {hour: each for hour, each in self._followed.items() if each.path in used}
        self.unknown = frozenset(each for each in self.unknown if each[0] in used)
        self._replaced.delete_unused()

    def _following(self, behind: Behind, hour: int) -> _Followed:
        """What is known of an hour of a file. It is followed in one file at a time."""
        if hour not in self._followed or self._followed[hour].path != behind.file.path:
            self._followed[hour] = _Followed(behind.file.path, behind.file.hours.get(hour, 0))
        return self._followed[hour]

    def _read(self, snapshot: Snapshot, changed: Mapping[int, Collection[datetime]]) -> None:
        """Read the visits that began at some times, and put them in the place of what was read before of these."""
        read, merged = (self._engine.new_path("parquet") for _ in range(2))
        times = sorted(time for its in changed.values() for time in its)
        csvs = snapshot.csv_files_of_visits(self._layout, times, self._engine.new_path)
        self._engine.write_csvs(self._layout, csvs, read, {})
        remaining = {hour for hour, each in self._followed.items() if each.times}
        again = self._write_times(map(_milliseconds, times))
        sources = [Source(str(read), 0, 0)]
        if part := part_of(self._visits, self._hours, remaining):
            sources.append(dataclasses.replace(part, without=again))
        self._engine.write(rows_of(sources), merged, {})
        for hour, its in changed.items():
            self._followed[hour].times |= {*map(_milliseconds, its)}
        self._replaced.add(path for path in (self._visits, self._times, str(read), again) if path)
        self._visits, self._hours = str(merged), remaining | changed.keys()
        self._times = self._write_times(time for each in self._followed.values() for time in each.times)

    def _write_times(self, times: Iterable[int]) -> str:
        path = self._engine.new_path("parquet")
        self._engine.write(f"select unnest([{', '.join(map(str, times))}])::bigint as ms", path, {})
        return str(path)


def times_between(changes: Iterable[VisitChange], version: int, wanted: int) -> Sequence[datetime] | None:
    """When visits began that changed between two versions of an hour; None if changes do not lead there."""
    following = {each.version_before: each for each in changes}
    times = list[datetime]()
    for _ in range(len(following) + 1):
        if version == wanted:
            return times
        if (change := following.get(version)) is None:
            return None
        version = change.version
        times += change.started_at
    return None


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _is_in(source: Source, hour: int) -> bool:
    return not source.spans or any(first <= hour < end for first, end in source.spans)
