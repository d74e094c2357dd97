"""What column files have in an older version: visits that changed since, when their hour was over.

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
from dashboard.columns.plan import HOUR, Behind, Source, part_of
from dashboard.columns.replaced import Replaced
from dashboard.columns.select import rows_of
from dashboard.columns.snapshot import Snapshot, VisitChange

# Of a file: more are not read by themselves.
_MAX_CHANGED = 100_000


@dataclass(slots=True)
class _Followed:
    """A file: the versions that its hours were followed to, and what has the visits that changed."""

    versions: dict[int, int]
    # When visits began that changed, and files of these times and of the visits that begin at them.
    times: set[int] = field(default_factory=set)
    times_path: str = ""
    visits_path: str = ""

    @property
    def paths(self) -> Sequence[str]:
        """Files of this process."""
        return [path for path in (self.times_path, self.visits_path) if path]


class ChangedVisits:
    """The visits that changed. One thread at a time uses it, each time with a newer snapshot."""

    def __init__(self, engine: Engine, layout: VisitLayout) -> None:
        self._engine, self._layout = engine, layout
        self._followed: dict[str, _Followed] = {}
        self._replaced = Replaced()
        # Hours of files (paths) of which it is not known what changed.
        self.unknown: frozenset[tuple[str, int]] = frozenset()

    def catch_up(self, snapshot: Snapshot, behind: Behind) -> bool:
        """Read what changed. Return whether that is known for all hours; else `unknown` has other ones."""
        path, followed = behind.file.path, self._following(behind)
        old, new = followed.versions, behind.day.hours
        stale = {hour: old.get(hour, 0) for hour in self._known(behind) if old.get(hour, 0) != new[hour]}
        if stale:
            changes = snapshot.visit_changes(stale)
            found = {hour: times_between(changes[hour], old.get(hour, 0), new[hour]) for hour in stale}
            times = {time for its in found.values() for time in its or ()}
            unknown = {hour for hour, its in found.items() if its is None}
            if len(times) + len(followed.times) > _MAX_CHANGED:
                unknown, times = {*stale}, set()
            self.unknown |= {(path, hour) for hour in unknown}
            if times:
                self._read(snapshot, followed, times)
            followed.versions |= {hour: new[hour] for hour in stale if hour not in unknown}
        return not any((path, hour) in self.unknown for hour in behind.hours)

    def sources(self, behind: Behind, own: Source) -> Sequence[Source]:
        """What has the visits of a file as they are now; `own` is what is used of the file itself."""
        followed = self._following(behind)
        hours = {time // HOUR * HOUR for time in followed.times}
        changed = part_of(followed.visits_path, hours, behind.hours)
        return [dataclasses.replace(own, without=followed.times_path), changed] if changed else [own]

    def count(self, behind: Behind) -> int:
        """About how many visits of a file changed."""
        return len(self._following(behind).times)

    def forget(self, used: Collection[str]) -> None:
        """Forget all files but those in use (paths), and delete what no question reads any more."""
        for path in self._followed.keys() - {*used}:
            self._replaced.add(self._followed.pop(path).paths)
        self.unknown = frozenset(each for each in self.unknown if each[0] in used)
        self._replaced.delete_unused()

    def _following(self, behind: Behind) -> _Followed:
        return self._followed.setdefault(behind.file.path, _Followed({**behind.file.hours}))

    def _known(self, behind: Behind) -> Iterable[int]:
        file = behind.file
        hours = (hour for hour in behind.day.hours if file.first <= hour < file.end)
        return [hour for hour in hours if (file.path, hour) not in self.unknown]

    def _read(self, snapshot: Snapshot, followed: _Followed, times: Collection[datetime]) -> None:
        """Read the visits that began at some times, and put them in the place of what was read before of these."""
        read, visits = (self._engine.new_path("parquet") for _ in range(2))
        csvs = snapshot.csv_files_of_visits(self._layout, sorted(times), self._engine.new_path)
        self._engine.write_csvs(self._layout, csvs, read, {})
        changed = {round(time.timestamp() * 1000) for time in times}
        before = self._write_times(changed)
        sources = [Source(str(read), 0, 0)]
        if followed.visits_path:
            sources.append(Source(followed.visits_path, 0, 0, without=before))
        self._engine.write(rows_of(sources), visits, {})
        self._replaced.add([*followed.paths, str(read), before])
        followed.times |= changed
        followed.times_path, followed.visits_path = self._write_times(followed.times), str(visits)

    def _write_times(self, times: Collection[int]) -> str:
        path = self._engine.new_path("parquet")
        self._engine.write(f"select unnest([{', '.join(map(str, times))}])::bigint as ms", path, {})
        return str(path)


def times_between(changes: Iterable[VisitChange], version: int, wanted: int) -> Sequence[datetime] | None:
    """When visits began that changed between two versions of an hour; None if changes do not lead there."""
    following: Mapping[int, VisitChange] = {each.version_before: each for each in changes}
    times = list[datetime]()
    for _ in range(len(following) + 1):
        if version == wanted:
            return times
        if (change := following.get(version)) is None:
            return None
        version = change.version
        times += change.started_at
    return None
