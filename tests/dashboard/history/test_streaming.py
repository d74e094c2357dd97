"""The history page is sent while it is made, and its queries end when nobody waits for them any more."""

import asyncio
import contextlib
import gzip
import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from dashboard.history import routes
from dashboard.history.query import Query
from dashboard.history.report import NOBODY, Report
from dashboard.history.result import Result
from dashboard.history.routes import add_history_routes
from dashboard.history.service import HistoryUnavailable
from dashboard.render.pages import Pages
from dashboard.sql import Database
from tests.dashboard.history.test_page import OneNameEach
from tests.support.database import at


class Slow(OneNameEach):
    """Answers step by step, as the test lets it."""

    def __init__(self) -> None:
        super().__init__(Database(at("host=nowhere")))
        self.steps = asyncio.Semaphore(0)
        self.is_cancelled = False
        self.error: Exception | None = None

    async def run(self, query: Query, report: Report = NOBODY) -> Result:
        whole = await super().run(query)
        try:
            report.reading("Reading 12 rows")
            await self.steps.acquire()
            report.found(replace(whole, panels={"features": whole.panels["features"]}))
            await self.steps.acquire()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        if self.error:
            raise self.error
        return whole


class Reader:
    """A request of which the test reads the answer as it comes, and may leave."""

    def __init__(self, app: FastAPI, path: str, **headers: str) -> None:
        path, _, query = path.partition("?")
        self._scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"localhost"), *((name.encode(), text.encode()) for name, text in headers.items())],
        }  # fmt: skip
        self._app, self._left = app, asyncio.Event()
        self._messages = asyncio.Queue[dict[str, Any]]()
        self._received = False
        self.task = asyncio.ensure_future(app(self._scope, self._receive, self._messages.put))

    async def _receive(self) -> dict[str, Any]:
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def message(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._messages.get(), 10)

    async def until(self, text: str) -> str:
        """What is sent up to a text."""
        sent = ""
        while text not in sent:
            sent += (await self.message())["body"].decode()
        return sent

    async def leave(self) -> None:
        self._left.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(self.task, 10)


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Slow, FastAPI]]:
    monkeypatch.setattr(routes, "_GRACE_SECONDS", 0.01)
    monkeypatch.setattr(routes, "_SHOWS_PROGRESS_SECONDS", 0.02)
    app, service = FastAPI(), Slow()
    add_history_routes(app, service, Pages(), 90)
    yield service, app


async def test_the_frame_is_there_at_once_and_each_part_as_soon_as_it_is_known(slow: tuple[Slow, FastAPI]) -> None:
    service, app = slow
    reader = Reader(app, "/history?range=7d")
    assert (await reader.message())["status"] == 200
    frame = await reader.until('class="progress"')
    assert 'aria-label="Period"' in frame
    assert "figures" not in frame
    line = (
        '<p class="progress"><span>Reading 12 rows…</span> <a href="/history?range=7d&amp;stop=1">Cancel</a></p>'
    )
    assert line in frame
    service.steps.release()
    first = await reader.until('class="progress"')
    assert 'aria-label="Totals"' in first
    assert re.findall(r'data-panel="(\w+)"', first) == ["features"]
    assert not reader.task.done()
    service.steps.release()
    assert "</html>" in await reader.until("</html>")
    await reader.task
    assert not service.is_cancelled


async def test_a_panel_that_cannot_be_counted_says_why_below_what_is_known(slow: tuple[Slow, FastAPI]) -> None:
    service, app = slow
    service.error = HistoryUnavailable("Choose fewer days.")
    reader = Reader(app, "/history")
    assert (await reader.message())["status"] == 200
    service.steps.release()
    service.steps.release()
    page = await reader.until("</html>")
    assert '<p class="note" role="alert">Choose fewer days.</p>' in page
    assert re.findall(r'data-panel="(\w+)"', page) == ["features"]


@pytest.mark.parametrize("path", ["/history", "/dashboard/history.json", "/dashboard/history/pages.csv"])
async def test_whoever_leaves_ends_the_queries(slow: tuple[Slow, FastAPI], path: str) -> None:
    service, app = slow
    reader = Reader(app, path)
    await asyncio.sleep(0.05)
    await reader.leave()
    assert service.is_cancelled


async def test_a_page_of_which_the_reader_has_cancelled_the_reading_reads_nothing(
    slow: tuple[Slow, FastAPI],
) -> None:
    _service, app = slow
    reader = Reader(app, "/history?range=7d&stop=1")
    page = await reader.message() and await reader.until("</html>")
    assert '<a href="/history?range=7d">Show the numbers</a>' in page
    assert "stop" not in page


async def test_what_is_sent_compressed_can_be_read_at_once_too(slow: tuple[Slow, FastAPI]) -> None:
    service, app = slow
    reader = Reader(app, "/history", **{"accept-encoding": "gzip"})
    headers = dict((await reader.message())["headers"])
    assert (headers[b"content-encoding"], headers[b"x-accel-buffering"]) == (b"gzip", b"no")
    sent = (await reader.message())["body"]
    assert b'aria-label="Period"' in zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(sent)
    for _ in range(2):
        service.steps.release()
    while not reader.task.done() or not reader._messages.empty():
        sent += (await reader.message()).get("body", b"")
    assert gzip.decompress(sent).endswith(b"</html>")
