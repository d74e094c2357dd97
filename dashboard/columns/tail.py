"""Hours in which events still land, in files of their own: only what changed is read from Postgres.

An hour is cut into steps, and each step is in one file with a known number of rows. Rows of an hour only become
more, so equally many are the same ones. If the hour has more, Postgres counts its steps, the newest first. What
changed is read again, into one new file; the other files keep the steps that are left to them.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from dashboard.columns.engine import Engine
from dashboard.columns.layout import Table
from dashboard.columns.plan import HOUR, DayState, Source, spans_of
from dashboard.columns.replaced import Replaced
from dashboard.columns.select import Span, rows_of, select_from
from dashboard.columns.snapshot import Snapshot

STEP = 5_000
# Most events land this soon after the time in their ids, and nearly all others this soon.
_RECENT = (30_000, 300_000)
# Of an hour: each costs a question some time.
_MAX_FILES = 8


@dataclass(slots=True)
class _Chain:
    """An hour: of each step with rows, how many they are and which file has them."""

    hour: int
    # Rows of its day that were erased and dropped: if these change, nothing is known any more.
    changes: tuple[int, int]
    rows: Counter[int] = field(default_factory=Counter)
    paths: dict[int, str] = field(default_factory=dict)
    # How many steps each file was written with.
    written: dict[str, int] = field(default_factory=dict)

    def put(self, path: str, rows: Mapping[int, int]) -> None:
        """A new file has these steps."""
        self.rows.update({step: number - self.rows[step] for step, number in rows.items()})
        self.paths |= dict.fromkeys(rows, path)
        self.written[path] = len(rows)

    def take_unused(self) -> Sequence[str]:
        """Files that have no step any more."""
        unused = [path for path in self.written if path not in self.paths.values()]
        for path in unused:
            del self.written[path]
        return unused

    @property
    def sizes(self) -> Counter[str]:
        """The rows that are read of each file."""
        sizes = Counter[str]()
        for step, path in self.paths.items():
            sizes[path] += self.rows[step]
        return sizes

    @property
    def sources(self) -> Mapping[str, Source]:
        """What is read of each file."""
        spans, steps = defaultdict[str, list[Span]](list), Counter(self.paths.values())
        for path, of_file in groupby(sorted(self.paths), self.paths.__getitem__):
            its = [*of_file]
            spans[path].append((its[0], its[-1] + STEP))
        return {
            path: Source(path, its[0][0], its[-1][1], () if steps[path] == self.written[path] else tuple(its))
            for path, its in spans.items()
        }


class Tail:
    """The files of the hours that are open. One thread at a time uses it."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine, self._table = engine, table
        self._chains: dict[int, _Chain] = {}
        self._replaced = Replaced()

    def rows(self, hour: int) -> int:
        """How many rows of an hour are known."""
        return self._chains[hour].rows.total() if hour in self._chains else 0

    def catch_up(self, snapshot: Snapshot, day: DayState, hour: int, now: int) -> Sequence[tuple[Source, int]]:
        """What has the rows of an hour as of a snapshot, and how many they are."""
        chain = self._chain(day, hour)
        is_certain = not (day.is_uncertain or day.erased or day.dropped)
        if not is_certain or day.hours[hour] != chain.rows.total():
            if spans := self._changed(snapshot, chain, day.hours[hour] if is_certain else None, now):
                self._read(snapshot, chain, spans)
            self._merge(chain)
            self._replaced.add(chain.take_unused())
        sizes = chain.sizes
        return [(source, sizes[path]) for path, source in chain.sources.items()]

    def forget(self, before: int) -> None:
        """Forget the hours before a time, and delete the files that no question reads any more."""
        for hour in [hour for hour in self._chains if hour < before]:
            self._replaced.add(self._chains.pop(hour).written)
        self._replaced.delete_unused()

    def adopt(self, file: Path) -> Path:
        """Move a file here that is for one question, and delete it later."""
        target = file.replace(self._engine.new_path("parquet"))
        self._replaced.add([str(target)])
        return target

    def _chain(self, day: DayState, hour: int) -> _Chain:
        changes, chain = (day.erased, day.dropped), self._chains.get(hour)
        if chain is None or day.is_uncertain or day.is_packed or chain.changes != changes:
            self._replaced.add(chain.written if chain else ())
            chain = self._chains[hour] = _Chain(hour, changes)
        return chain

    def _changed(self, snapshot: Snapshot, chain: _Chain, expected: int | None, now: int) -> Sequence[Span]:
        """The times of which the rows are others than those that are known."""
        if not chain.rows:
            return [(chain.hour, chain.hour + HOUR)]
        for start in (*(max(chain.hour, (now - age) // STEP * STEP) for age in _RECENT), chain.hour):
            counted = snapshot.counts(start, chain.hour + HOUR, STEP) if start < chain.hour + HOUR else {}
            before = sum(rows for step, rows in chain.rows.items() if step < start)
            if before + sum(counted.values()) == expected:
                break
        return spans_of(sorted(step for step, rows in counted.items() if rows != chain.rows[step]), STEP)

    def _read(self, snapshot: Snapshot, chain: _Chain, spans: Sequence[Span]) -> None:
        path = self._engine.new_path("parquet")
        csvs = (csv for span in spans for csv in snapshot.csv_files(self._table, *span, self._engine.new_path))
        self._engine.write_csvs(self._table, csvs, path, {})
        rows = self._engine.session().rows(
            f"select ms // {STEP} * {STEP}, count(*) from ({select_from([(str(path), ())])}) group by 1"
        )
        chain.put(str(path), dict(rows))

    def _merge(self, chain: _Chain) -> None:
        """If an hour has many files, make one of those that are small beside the others."""
        sizes = chain.sizes
        if len(sizes) > _MAX_FILES:
            small, sources, path = smallest(sizes), chain.sources, self._engine.new_path("parquet")
            self._engine.write(rows_of([sources[each] for each in small]), path, {})
            chain.put(str(path), {step: chain.rows[step] for step, its in chain.paths.items() if its in small})


def smallest(sizes: Mapping[str, int]) -> Sequence[str]:
    """The files that become one: two at least, and more as long as each is not larger than those before together.

    So rows are written again as often as the hour doubles, and not each time.
    """
    ordered, total = sorted(sizes, key=sizes.__getitem__), 0
    for number, path in enumerate(ordered):
        if number > 1 and sizes[path] > total:
            return ordered[:number]
        total += sizes[path]
    return ordered
