"""Answers several who wait with one call: what each of them would read is nearly the same."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Whoever gets the lock asks for all that wait by then, so an answer is never older than its question."""

    def __init__(
        self, lock: asyncio.Lock, ask: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]]
    ) -> None:
        self._lock, self._ask = lock, ask
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []

    async def ask(self, asked: Asked) -> Answer:
        """The answer; raise it if it is an exception.

        A thread cannot be cancelled: if nobody waits any more, it goes on and holds the lock until then.
        """
        work = asyncio.ensure_future(self._answered(asked))
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(work)

    async def _answered(self, asked: Asked) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        async with self._lock:
            if not answer.done():
                waiting, self._waiting = self._waiting, []
                await self._answer(waiting)
        return await answer

    async def _answer(self, waiting: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        found: Sequence[Answer | Exception]
        try:
            found = await self._ask([asked for asked, _answer in waiting])
        except Exception as error:
            found = [error] * len(waiting)
        for (_asked, answer), each in zip(waiting, found, strict=True):
            if isinstance(each, Exception):
                answer.set_exception(each)
            else:
                answer.set_result(each)
