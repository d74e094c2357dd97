"""Hours in which events still land, as a chain of small files: only what is new is read from Postgres.

All parts of the chain but the last are complete unless something late landed in their time. That shows in the
counts: rows of an hour only become more, so equally many are the same ones. Then Postgres counts the rows of each
part, and those that have more are read again.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.columns.engine import Engine
from dashboard.columns.layout import Table
from dashboard.columns.plan import HOUR, DayState
from dashboard.columns.select import select_from
from dashboard.columns.snapshot import Snapshot

_MINUTE = 60_000
# Rows whose ids are younger than this are read again each time: more of them are on their way.
_UNSETTLED = _MINUTE
_MAX_PARTS = 8
# As long as a question may still read a part that was replaced.
_UNUSED_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Part:
    """A file with the rows of a part of an hour."""

    path: str
    first: int
    end: int
    rows: int


class Tail:
    """The chains of the hours that are open. One thread at a time uses it."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine, self._table = engine, table
        self._chains: dict[int, tuple[tuple[int, int], list[Part]]] = {}
        self._replaced: list[tuple[float, str]] = []

    def rows(self, hour: int) -> int:
        """How many rows of an hour are known."""
        return sum(part.rows for part in self._chains[hour][1]) if hour in self._chains else 0

    def catch_up(self, snapshot: Snapshot, day: DayState, hour: int, now: int) -> Sequence[Part]:
        """The rows of an hour as of a snapshot."""
        parts = self._complete_parts(day, hour)
        start = parts[-1].end if parts else hour
        cut = min(max(start, (now - _UNSETTLED) // _MINUTE * _MINUTE), hour + HOUR)
        parts += self._read(snapshot, start, cut, hour + HOUR)
        expected = day.hours[hour] if not day.erased and not day.dropped else None
        if expected != sum(part.rows for part in parts):
            parts = [self._counted_again(snapshot, part) for part in parts]
        complete = [part for part in parts if part.end <= cut]
        if len(complete) > _MAX_PARTS:
            parts = [self._merged(complete), *parts[len(complete) :]]
        self._chains[hour] = ((day.erased, day.dropped), parts)
        return parts

    def forget(self, before: int) -> None:
        """Forget the hours before a time, and delete the parts that no question reads any more."""
        for hour in [hour for hour in self._chains if hour < before]:
            self._replace(self._chains.pop(hour)[1])
        old = time.monotonic() - _UNUSED_SECONDS
        for _at, path in [each for each in self._replaced if each[0] < old]:
            Path(path).unlink(missing_ok=True)
        self._replaced = [each for each in self._replaced if each[0] >= old]

    def _complete_parts(self, day: DayState, hour: int) -> list[Part]:
        changes, parts = self._chains.pop(hour, ((0, 0), []))
        if day.is_uncertain or day.is_packed or changes != (day.erased, day.dropped):
            self._replace(parts)
            return []
        self._replace(parts[-1:])
        return parts[:-1]

    def _read(self, snapshot: Snapshot, start: int, cut: int, end: int) -> list[Part]:
        """The rows from `start` on: those before `cut` are complete."""
        return [self._written(snapshot, *span) for span in ((start, cut), (cut, end)) if span[0] < span[1]]

    def _written(self, snapshot: Snapshot, first: int, end: int) -> Part:
        path = self._engine.new_path("parquet")
        csvs = snapshot.csv_files(self._table, first, end, self._engine.new_path)
        return Part(str(path), first, end, self._engine.write_csvs(self._table, csvs, path, {}))

    def _counted_again(self, snapshot: Snapshot, part: Part) -> Part:
        if snapshot.count(part.first, part.end) == part.rows:
            return part
        self._replace([part])
        return self._written(snapshot, part.first, part.end)

    def _merged(self, parts: list[Part]) -> Part:
        path = self._engine.new_path("parquet")
        self._engine.write(select_from([(part.path, ()) for part in parts]), path, {})
        self._replace(parts)
        rows = sum(part.rows for part in parts)
        return replace(parts[0], path=str(path), end=parts[-1].end, rows=rows)

    def _replace(self, parts: list[Part]) -> None:
        self._replaced += [(time.monotonic(), part.path) for part in parts]

    def adopt(self, file: Path) -> Path:
        """Move a file here that is for one question, and delete it later."""
        target = file.replace(self._engine.new_path("parquet"))
        self._replaced.append((time.monotonic(), str(target)))
        return target
