"""The history on a real server: whoever closes the connection ends the queries in Postgres and in DuckDB."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI

from dashboard.columns.engine import Cancelled
from dashboard.columns.questions import Questions
from dashboard.columns.service import Columns
from dashboard.history import rows
from dashboard.history.routes import add_history_routes
from dashboard.history.service import LAYOUT, HistoryService
from dashboard.history.visits import VISIT_LAYOUT
from dashboard.render.pages import Pages
from dashboard.sql import Database
from sinks.landing.rows import decode_batch
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.events import Record, encoded, event, now_ms

pytestmark = pytest.mark.integration
PAGE, JSON = "/history?step=day", "/dashboard/history.json"


@contextlib.asynccontextmanager
async def served(history: HistoryService) -> AsyncIterator[str]:
    """The URL of a server with the history."""
    app = FastAPI()
    add_history_routes(app, history, Pages(), 90)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
def stored(store: PostgresStore) -> None:
    (start,) = store.claim({0: 0}).values()
    page_view = event("page_view", now_ms(), event_data={"page": "/"}, page="/")
    store.write(decode_batch({0: [Record(start, now_ms(), None, encoded(page_view))]}, {0: start}))


async def left_while(url: str, is_running: Callable[[], bool]) -> str:
    """What a client got that closes its connection as soon as the query runs."""
    got = ""
    async with httpx.AsyncClient(timeout=30) as client:
        asked = asyncio.ensure_future(client.get(url)) if JSON in url else None
        if asked is None:
            async with client.stream("GET", url) as answer:
                async for text in answer.aiter_text():
                    got += text
                    if 'class="progress"' in got and 'aria-label="Totals"' in got:
                        await became(is_running)
                        break
        else:
            await became(is_running)
            asked.cancel()
    return got


async def became(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.02)


def test_a_copy_that_nobody_reads_on_holds_up_nobody(postgres: str) -> None:
    def rows(connection: psycopg.Connection) -> Iterator[object]:
        selected = "select repeat('x', 1000) from generate_series(1, 100000)"
        with connection.cursor() as cursor, cursor.copy(f"copy ({selected}) to stdout".encode()) as copy:
            yield from copy

    started = []
    with pytest.raises(OSError, match="disk"), Database(at(postgres)).snapshot("20s") as connection:
        started.append(rows(connection))
        next(started[0])
        raise OSError("the disk is full")
    assert connection.closed


@pytest.mark.usefixtures("stored")
async def test_a_query_in_postgres_ends_when_the_reader_leaves(
    postgres: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = b"select 'a', 'b', 'c', 1, 1, 1 from selected, pg_sleep(60)"
    monkeypatch.setattr(rows, "queries", dict(rows.queries) | {"features": slow})
    connection.autocommit = True

    def sleeps() -> bool:
        found = connection.execute(
            "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
        ).fetchone()
        return bool(found and found[0])

    async with served(HistoryService(Database(at(postgres)))) as url:
        for path in (PAGE, JSON):
            got = await left_while(url + path, sleeps)
            await became(lambda: not sleeps())
            if path == PAGE:
                assert 'aria-label="Totals"' in got, "what is known is shown"
                assert "Reading 1 rows of Postgres" in got
                assert 'data-panel="features"' not in got


@pytest.mark.usefixtures("stored")
async def test_a_question_to_column_files_ends_when_the_reader_leaves(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, ended = list[bool](), list[str]()

    def features(questions: Questions, _max_values: int) -> list[tuple[object, ...]]:
        running.append(True)
        try:
            return list(questions._session.rows("select count(*) from range(1000000) a, range(1000000) b"))
        except Cancelled:
            ended.append("cancelled")
            raise
        finally:
            running.pop()

    monkeypatch.setattr(Questions, "features", features)
    database = Database(at(postgres))
    columns = Columns(tmp_path, database, LAYOUT, VISIT_LAYOUT, retention_days=20)
    async with served(HistoryService(database, columns)) as url:
        got = await left_while(url + PAGE, lambda: bool(running))
        assert "Reading column files of" in got
        await became(lambda: ended == ["cancelled"])
    columns.close()
