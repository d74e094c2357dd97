"""DuckDB stays inside its folder and its time, and reads every text of Postgres's CSV."""

import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dashboard.columns.engine import Cancelled, Engine
from dashboard.columns.layout import Layout
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
