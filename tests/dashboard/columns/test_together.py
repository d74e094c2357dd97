"""Who waits for the same lock gets an answer of the same call."""

import asyncio
from collections.abc import Sequence

from dashboard.columns.together import Together


class Doubler:
    """Doubles numbers; remembers which it was asked for at a time."""

    def __init__(self) -> None:
        self.calls, self.lock = list[list[int]](), asyncio.Lock()
        self.together = Together(self.lock, self.doubled)

    async def doubled(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.calls.append([*numbers])
        await asyncio.sleep(0.02)
        if 13 in numbers:
            raise OSError("no database")
        return [number * 2 if number else ValueError("nothing") for number in numbers]

    async def asked_while_locked(self, *numbers: int, gone: int = -1) -> Sequence[object]:
        async with self.lock:
            waiting = [asyncio.ensure_future(self.together.ask(number)) for number in numbers]
            await asyncio.sleep(0.01)
            if gone in numbers:
                waiting[numbers.index(gone)].cancel()
        return [type(each) if isinstance(each, BaseException) else each for each in await _all(waiting)]


async def _all(waiting: Sequence[asyncio.Future[int]]) -> Sequence[int | BaseException]:
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_those_who_wait_are_answered_by_one_call_and_each_gets_the_own_answer() -> None:
    doubler = Doubler()
    found = await doubler.asked_while_locked(1, 0, 3, 4, gone=3)
    assert found == [2, ValueError, asyncio.CancelledError, 8]
    assert doubler.calls == [[1, 0, 3, 4]]


async def test_who_asks_during_a_call_gets_the_answer_of_the_next_one() -> None:
    doubler = Doubler()
    first = asyncio.ensure_future(doubler.together.ask(1))
    while not doubler.calls:  # a task makes the call
        await asyncio.sleep(0)
    assert await asyncio.gather(*map(doubler.together.ask, (2, 3))) == [4, 6]
    assert await first == 2
    assert doubler.calls == [[1], [2, 3]]


async def test_a_call_that_fails_fails_those_who_waited_and_nobody_else() -> None:
    doubler = Doubler()
    assert await doubler.asked_while_locked(13, 1) == [OSError, OSError]
    assert await doubler.together.ask(5) == 10
    assert not doubler.lock.locked()
