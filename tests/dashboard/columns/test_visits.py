"""Visits in column files: read again only where their version changed, and counted as plain Python counts them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, cast

import pytest

from dashboard.columns.engine import Engine
from dashboard.columns.layout import Table, VisitLayout
from dashboard.columns.plan import DAY, HOUR, DayState, FilesMissing
from dashboard.columns.questions import Period
from dashboard.columns.select import rows_of
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.visit_files import VisitFiles, VisitRows
from dashboard.columns.visit_questions import VisitQuestions, VisitSelection
from dashboard.filters import Group
from tests.support.column_rows import csv_file

LAYOUT = VisitLayout(["country", "entry_page"])
COUNTRY, ENTRY_PAGE = LAYOUT.column_of["country"], LAYOUT.column_of["entry_page"]
Visit = dict[str, Any]


def visits(seed: int, count: int = 300) -> list[Visit]:
    chance = Random(seed)

    def one() -> Visit:
        pages = chance.sample(["/", "/a", "/é"], chance.randrange(3))
        return {
            "ms": chance.randrange(4 * DAY),
            "person": f"00000000-0000-0000-0000-00000000000{chance.randrange(9)}",
            "views": len(pages),
            "bounced": str(chance.random() < 0.3).lower(),
            "duration": chance.randrange(100) * 1000,
            "pages": "\x1e".join(pages) or None,
            "routes": None,
            "event_types": "page_view",
            COUNTRY: chance.choice(["DE", "US", None]),
            ENTRY_PAGE: pages[0] if pages else None,
        }

    return [one() for _ in range(count)]


class Database:
    """Says what a snapshot of Postgres says, and counts how often rows are read."""

    def __init__(self, rows: list[Visit]) -> None:
        self.rows, self.versions, self.copied, self.reads = rows, dict[int, int](), 0, 0
        for row in rows:
            self.change(row["ms"])

    def change(self, ms: int) -> None:
        hour = ms // HOUR * HOUR
        self.versions[hour] = max(self.versions.values(), default=0) + 1

    def versions_of_visits(self, first: int, end: int) -> Sequence[DayState]:
        days = range(first // DAY, -(-end // DAY))
        by_day = {
            day: {hour: version for hour, version in sorted(self.versions.items()) if hour // DAY == day}
            for day in days
        }
        return [DayState(start=day * DAY, hours=hours) for day, hours in by_day.items() if hours]

    def csv_files(self, table: Table, first: int, end: int, new_path: Callable[[str], Path]) -> Iterator[Path]:
        self.reads += 1
        rows = [row for row in self.rows if first <= row["ms"] < end]
        self.copied = len(rows)
        yield csv_file(table, rows, new_path)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.close()


def stored(engine: Engine, rows: VisitRows) -> Counter[tuple[Any, ...]]:
    return Counter(engine.session().rows(f"select ms, views, pages, {COUNTRY} from ({rows_of(rows.sources)})"))


def expected(rows: list[Visit], first: int, end: int) -> Counter[tuple[Any, ...]]:
    chosen = [row for row in rows if first <= row["ms"] < end]
    return Counter((row["ms"], row["views"], row["pages"], row[COUNTRY]) for row in chosen)


def test_only_hours_whose_version_changed_are_read_again(engine: Engine, tmp_path: Path) -> None:
    database = Database(visits(1))
    snapshot = cast(Snapshot, database)
    files, now = VisitFiles(tmp_path, engine, LAYOUT), 4 * DAY
    with pytest.raises(FilesMissing, match="0 of 4 days"):
        files.rows(snapshot, (0, now))
    assert [files.build_day(snapshot, day * DAY, now) for day in range(4)] == [True] * 4
    assert not any(files.build_day(snapshot, day * DAY, now) for day in range(4))
    for _ in range(6):
        assert stored(engine, files.rows(snapshot, (0, now))) == expected(database.rows, 0, now)
        version = files.rows(snapshot, (0, now)).version
        reads = database.reads
        assert files.rows(snapshot, (0, now)).version == version
        assert database.reads == reads, "nothing changed"
        # One changes in an hour, and one is gone from another.
        changed, gone = database.rows[3], database.rows.pop()
        changed["views"] += 1
        for row in (changed, gone):
            database.change(row["ms"])
        assert files.rows(snapshot, (0, now)).version != version
    for day in range(4):
        files.build_day(snapshot, day * DAY, now)
    files.tidy(database.versions_of_visits(0, now))
    other = VisitFiles(tmp_path, engine, LAYOUT)
    other.folder.read(engine)
    reads = database.reads
    read = other.rows(snapshot, (DAY, 2 * DAY))
    assert stored(engine, read) == expected(database.rows, DAY, 2 * DAY)
    assert database.reads == reads, "files of other processes are known"


def test_people_bounces_medians_goals_and_rankings(engine: Engine, tmp_path: Path) -> None:
    database = Database(visits(2))
    files = VisitFiles(tmp_path, engine, LAYOUT)
    for day in range(4):
        files.build_day(cast(Snapshot, database), day * DAY, 5 * DAY)
    sources = files.rows(cast(Snapshot, database), (0, 4 * DAY)).sources
    period = Period(
        since=2 * DAY, until=4 * DAY, previous_since=0, previous_until=2 * DAY, starts=(2 * DAY, 3 * DAY),
        previous_starts=(0, DAY),
    )  # fmt: skip
    conditions = [
        ("pages", Group("page", ("/a", "/é"), is_excluded=False)),
        ("country", Group("country", ("US",), is_excluded=True)),
    ]
    selection = VisitSelection(conditions=conditions, goal=("pages", "/"), search="")
    questions = VisitQuestions(engine.session(), LAYOUT, sources, period, selection)
    chosen = [
        row
        for row in database.rows
        if {"/a", "/é"} & {*(row["pages"] or "").split("\x1e")} and row[COUNTRY] != "US"
    ]
    assert {row[:2]: row[2:] for row in questions.steps()} == {
        (is_current, step): figures([row for row in chosen if first <= row["ms"] < end])
        for is_current, step, first, end in (
            (True, None, 2 * DAY, 4 * DAY), (True, 0, 2 * DAY, 3 * DAY), (True, 1, 3 * DAY, 4 * DAY),
            (False, None, 0, 2 * DAY), (False, 0, 0, DAY), (False, 1, DAY, 2 * DAY),
        )
    }  # fmt: skip
    now = [row for row in chosen if row["ms"] >= 2 * DAY]
    found = {(panel, name): counts for panel, name, *counts in questions.rankings({"places": "country"}, 10)}
    assert found == {
        ("places", "DE"): [
            len([row for row in now if row[COUNTRY] == "DE"]),
            len({row["person"] for row in now if row[COUNTRY] == "DE"}),
            len([row for row in chosen if row[COUNTRY] == "DE" and row["ms"] < 2 * DAY]),
        ]
    }
    searched = VisitQuestions(
        engine.session(), LAYOUT, sources, period, VisitSelection(conditions=[], goal=None, search="É")
    )
    assert [name for _panel, name, *_ in searched.rankings({"entry": "entry_page"}, 10)] == ["/é"]


def figures(rows: list[Visit]) -> tuple[Any, ...]:
    return (
        len({row["person"] for row in rows}),
        len(rows),
        sum(row["views"] for row in rows),
        sum(row["views"] > 0 for row in rows),
        sum(row["bounced"] == "true" for row in rows),
        median(row["duration"] for row in rows) / 1e6,
        sum("/" in (row["pages"] or "").split("\x1e") for row in rows),
    )


def test_text_that_separates_the_entries_of_a_list_is_looked_for_in_postgres() -> None:
    odd = Group("page", ("a\x1eb",), is_excluded=False)
    assert not VisitSelection(conditions=[("pages", odd)], goal=None, search="").is_usable
    assert not VisitSelection(conditions=[], goal=("pages", "a\x1eb"), search="").is_usable
    assert VisitSelection(conditions=[], goal=("pages", "/a"), search="\x1e").is_usable
