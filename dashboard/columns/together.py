"""Answers several who wait as of one snapshot: what each of them would read is nearly the same."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from dashboard.columns.plan import FilesMissing
from dashboard.columns.snapshot import Snapshot

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Waiting(Generic[Asked, Answer]):
    """Somebody who waits for an answer: the first one that any thread gives."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self._loop = asked, asyncio.get_running_loop()
        self.answer: asyncio.Future[Answer] = self._loop.create_future()

    def get(self, answer: Answer) -> None:
        """Give the answer, at once: those who are answered later keep nobody waiting."""
        self._loop.call_soon_threadsafe(self._end, self.answer.set_result, answer)

    def fail(self, error: Exception) -> None:
        """Say why there is no answer."""
        self._loop.call_soon_threadsafe(self._end, self.answer.set_exception, error)

    def _end(self, how: Callable[[Any], None], what: object) -> None:
        if not self.answer.done():
            how(what)


class Together(Generic[Asked, Answer]):
    """Whoever gets the lock asks for all that wait by then, so an answer is never older than its question.

    `ask` answers each of them, or raises what is then the error of those that it has not answered.
    """

    def __init__(
        self, lock: asyncio.Lock, ask: Callable[[Sequence[Waiting[Asked, Answer]]], Awaitable[None]]
    ) -> None:
        self._lock, self._ask = lock, ask
        self._waiting: list[Waiting[Asked, Answer]] = []

    async def ask(self, asked: Asked) -> Answer:
        """The answer; raise it if it is an exception.

        A thread cannot be cancelled: if nobody waits any more, it goes on and holds the lock until then.
        """
        work = asyncio.ensure_future(self._answered(asked))
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(work)

    async def _answered(self, asked: Asked) -> Answer:
        own = Waiting[Asked, Answer](asked)
        self._waiting.append(own)
        async with self._lock:
            if not own.answer.done():
                waiting, self._waiting = self._waiting, []
                try:
                    await self._ask(waiting)
                except Exception as error:
                    for each in waiting:
                        each.fail(error)
        return await own.answer


def answer_each(
    waiting: Sequence[Waiting[Asked, Answer]],
    snapshot: Callable[[], AbstractContextManager[Snapshot]],
    read: Callable[[Snapshot, Asked], Answer],
) -> None:
    """Answer one after the other, as of one snapshot; after an error of one, the others as of a new snapshot."""
    left = deque(waiting)
    while left:
        with snapshot() as taken:
            while left:
                each = left.popleft()
                try:
                    each.get(read(taken, each.asked))
                except FilesMissing as missing:
                    each.fail(missing)
                except Exception as error:
                    each.fail(error)
                    break
