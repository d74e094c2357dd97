"""Hours in which events land: exactly their rows are read, and of these only what changed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from dashboard.columns.engine import Engine
from dashboard.columns.layout import Layout, Table
from dashboard.columns.plan import DAY, HOUR, DayState
from dashboard.columns.select import rows_of
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.tail import STEP, Tail, smallest
from tests.support.column_rows import csv_file

LAYOUT = Layout([])
START = 20_000 * DAY + 7 * HOUR
Row = dict[str, Any]


class Database:
    """Says what a snapshot of Postgres says, and counts the rows that are read."""

    def __init__(self) -> None:
        self.rows, self.erased, self.read = list[Row](), 0, 0

    def land(self, ms: int, page: str) -> None:
        self.rows.append(dict.fromkeys(column.name for column in LAYOUT.columns) | {"ms": ms, "page": page})

    def day(self) -> DayState:
        landed = Counter(row["ms"] // HOUR * HOUR for row in self.rows)
        landed[START] += self.erased
        return DayState(start=START // DAY * DAY, hours=dict(landed), erased=self.erased)

    def counts(self, first: int, end: int, step: int) -> Mapping[int, int]:
        assert (first % step, end % step) == (0, 0)
        return Counter(row["ms"] // step * step for row in self.rows if first <= row["ms"] < end)

    def csv_files(self, table: Table, first: int, end: int, new_path: Callable[[str], Path]) -> Iterator[Path]:
        rows = [row for row in self.rows if first <= row["ms"] < end]
        self.read += len(rows)
        yield csv_file(table, rows, new_path)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.close()


class Reader:
    """Follows a database."""

    def __init__(self, engine: Engine, database: Database) -> None:
        self.tail, self.engine, self.database = Tail(engine, LAYOUT), engine, database

    def catch_up(self, now: int) -> None:
        """Read, and compare with what is stored."""
        found = self.tail.catch_up(cast(Snapshot, self.database), self.database.day(), START, now)
        sources = [source for source, _rows in found]
        rows = self.engine.session().rows(f"select ms, page from ({rows_of(sources)})") if sources else []
        wanted = [row for row in self.database.rows if row["ms"] // HOUR * HOUR == START]
        assert Counter(rows) == Counter((row["ms"], row["page"]) for row in wanted)
        assert sum(rows for _source, rows in found) == len(wanted) == self.tail.rows(START)
        assert len(found) <= 9


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_those_that_are_stored_whatever_lands(engine: Engine, seed: int) -> None:
    chance, database, now = Random(seed), Database(), START + 1
    reader = Reader(engine, database)
    for number in range(60):
        for _ in range(chance.choice([0, 1, 20])):
            late = chance.choice([0, 0, 0, 0, 1_000, 20_000, 200_000, 3_000_000])
            database.land(max(START, now - late), f"/{number}")
        if chance.random() < 0.05 and database.rows:
            database.rows.pop(chance.randrange(len(database.rows)))
            database.erased += 1
        reader.catch_up(now)
        now = min(now + chance.choice([500, 5_000, 60_000]), START + HOUR - 1)


def test_only_steps_that_changed_are_read_again(engine: Engine) -> None:
    database = Database()
    reader = Reader(engine, database)
    for second in range(1_800):
        database.land(START + second * 1_000, "/")
    now = START + 1_800_000
    reader.catch_up(now)
    assert database.read == 1_800
    reader.catch_up(now)
    assert database.read == 1_800, "nothing landed"
    for late in (0, 10_000, 100_000, 1_000_000):
        database.land(now - late, "/late")
        read = database.read
        reader.catch_up(now)
        assert database.read - read <= STEP // 1_000 + 1, late


def test_the_small_files_of_an_hour_become_one() -> None:
    assert smallest({"a": 100, "b": 1, "c": 1, "d": 2, "e": 5}) == ["b", "c", "d"]
    assert smallest({"a": 64, "b": 16, "c": 4, "d": 1}) == ["d", "c"]
    assert smallest({"a": 1, "b": 1}) == ["a", "b"]


def test_what_no_question_reads_any_more_is_deleted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database()
    reader = Reader(engine, database)
    for number in range(20):
        database.land(START + number, "/")
        reader.catch_up(START + number)
    monkeypatch.setattr("dashboard.columns.replaced._UNUSED_SECONDS", 0.0)
    reader.tail.forget(START)
    assert len(_files(engine)) == 1
    reader.catch_up(START + 20)
    reader.tail.forget(START + HOUR)
    assert not _files(engine)


def _files(engine: Engine) -> Sequence[Path]:
    return [*engine.scratch.glob("*.parquet")]
