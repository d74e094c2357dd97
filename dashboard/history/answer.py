"""An answer while it is made: what is known so far, until it is whole, or nobody waits for it any more."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from dashboard.history.report import Report
from dashboard.history.result import Result
from dashboard.history.service import HistoryUnavailable

# The part of a result that is there before any panel: totals and chart.
TOTALS = "totals"
Found = TypeVar("Found")


class Gone(Exception):
    """The client has closed its connection."""


class Answer:
    """Runs a query in the background, and knows which parts of its result are there."""

    is_patient = True

    def __init__(self, run: Callable[[Report], Awaitable[Result]]) -> None:
        self.text = ""
        self.result: Result | None = None
        self._started, self._changed = time.monotonic(), asyncio.Event()
        self._work = asyncio.ensure_future(self._run(run))
        self._work.add_done_callback(self._ended)

    async def _run(self, run: Callable[[Report], Awaitable[Result]]) -> None:
        self.found(await run(self))

    def _ended(self, work: asyncio.Future[None]) -> None:
        if not work.cancelled():
            work.exception()  # whoever waits hears of it; if nobody does, it is not a fault
        self._changed.set()

    def reading(self, text: str) -> None:
        self.text = text
        self._changed.set()

    def found(self, result: Result) -> None:
        self.result = result
        self._changed.set()

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._started

    @property
    def error_message(self) -> str:
        """Why there is no more than there is; empty if there is no reason. Raise what is a fault of ours."""
        error = self._work.exception() if self._work.done() and not self._work.cancelled() else None
        if error is None or isinstance(error, HistoryUnavailable):
            return str(error or "")
        raise error

    def has(self, part: str) -> bool:
        """Whether a panel, or `TOTALS`, is there, or never will be."""
        found = self.result is not None and (part == TOTALS or part in self.result.panels)
        return found or self._work.done()

    async def change(self, seconds: float) -> None:
        """Wait until something changes, but not longer than this."""
        self._changed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def cancel(self) -> None:
        """Nobody waits any more: end its queries."""
        self._work.cancel()


@dataclass(frozen=True, slots=True)
class Unanswered:
    """There is no answer, and why."""

    error_message: str
    result: None = None
    seconds: float = 0
    text: str = ""

    def has(self, _part: str) -> bool:
        return True

    async def change(self, _seconds: float) -> None:
        """Nothing changes."""

    def cancel(self) -> None:
        """Nothing runs."""


async def unless_gone(request: Request, work: Awaitable[Found]) -> Found:
    """What the work comes to. If the client closes its connection first, cancel the work and raise `Gone`."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Gone
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
