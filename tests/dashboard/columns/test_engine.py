"""DuckDB stays inside its folder and its time, and reads every text of Postgres's CSV."""

import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dashboard.columns.engine import Cancelled, Engine, file_of
from dashboard.columns.folder import meta_of
from dashboard.columns.layout import Layout
from dashboard.columns.plan import DAY, HOUR, DayState
from dashboard.columns.select import quoted, select_from

LAYOUT = Layout([])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    root = tmp_path / "it's $page"
    root.mkdir()
    made = Engine(root)
    yield made
    made.close()
    assert not list(root.iterdir())


def written(engine: Engine, *texts: str) -> Path:
    """A CSV file of rows whose page is one of these, as Postgres writes it."""
    path = engine.new_path("csv")
    place = [column.name for column in LAYOUT.columns].index("page")
    lines = [
        ",".join([str(n), *[""] * (place - 1), text, *[""] * (len(LAYOUT.columns) - place - 1)])
        for n, text in enumerate(texts)
    ]
    path.write_bytes("".join(line + "\n" for line in lines).encode())
    return path


def test_texts_are_read_as_postgres_writes_them(engine: Engine) -> None:
    texts = [
        written(engine, "", '""', "NULL", '"a,b"', '"\\."', "\\N"),
        written(engine, '"é""\n\r\n"', " ", '"' + "x" * 100_000 + '"'),
    ]
    target = engine.new_path("parquet")
    assert engine.write_csvs(LAYOUT, texts, target, {"a": "'"}) == 9
    found = engine.session().rows(f"select page from read_parquet({quoted(target)})")
    expected = {None, "", "NULL", "a,b", "\\.", "\\N", 'é"\n\r\n', " ", "x" * 100_000}
    assert {page for (page,) in found} == expected
    assert engine.meta(target) == {"a": "'"}
    assert not [path for path in texts if path.exists()]


def test_a_time_without_rows_is_an_empty_file(engine: Engine) -> None:
    target = engine.new_path("parquet")
    assert engine.write_csvs(LAYOUT, [], target, {}) == 0
    assert engine.session().rows(f"select count(*) from ({select_from([(str(target), ())])})") == [(0,)]


@pytest.mark.parametrize(
    "query", ["select * from read_csv('/etc/passwd')", "copy (select 1) to '/tmp/outside.csv'", "install httpfs"]
)
def test_nothing_outside_the_folder_can_be_opened(engine: Engine, query: str) -> None:
    with pytest.raises(duckdb.Error):
        engine.session().rows(query)


def test_a_running_query_can_be_cancelled_and_so_are_those_after_it(engine: Engine) -> None:
    session = engine.session()
    timer = threading.Timer(0.2, session.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        session.rows("select max(hash(n)) from range(1000000000000) as numbers (n)")
    timer.join()
    with pytest.raises(Cancelled):
        session.rows("select 1")


def test_a_file_has_what_it_was_written_with_or_counts_as_damaged(tmp_path: Path) -> None:
    day = DayState(start=20_000 * DAY, hours={20_000 * DAY: 5}, erased=2, as_of="750:803:750,801")
    meta = meta_of(day, day.start, day.start + HOUR)
    read = file_of(tmp_path / "a", meta)
    assert (read.hours, read.erased, read.as_of, read.transactions) == (day.hours, 2, day.as_of, 803)
    older = {name: value for name, value in meta.items() if name != "as_of"}
    assert file_of(tmp_path / "a", older).transactions == 0
    for odd in ("750", "750:803", "750:803:x", " 750:803:", "-1:2:", None, 7):
        with pytest.raises(ValueError, match="a snapshot called"):
            file_of(tmp_path / "a", {**meta, "as_of": odd})
