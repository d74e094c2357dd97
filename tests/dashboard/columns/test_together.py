"""Who waits for the same lock is answered as of the same snapshot, and an error of one is not one of the others."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import psycopg

from dashboard.columns.plan import FilesMissing
from dashboard.columns.snapshot import Snapshot
from dashboard.columns.together import Together, Waiting, answer_each


class Doubler:
    """Doubles numbers; remembers which it was asked for at a time."""

    def __init__(self) -> None:
        self.calls, self.lock = list[list[int]](), asyncio.Lock()
        self.together = Together(self.lock, self.doubled)

    async def doubled(self, waiting: Sequence[Waiting[int, int]]) -> None:
        self.calls.append([each.asked for each in waiting])
        for each in waiting:
            await asyncio.sleep(0.02)
            if each.asked == 13:
                raise OSError("no database")
            if each.asked:
                each.get(each.asked * 2)
            else:
                each.fail(ValueError("nothing"))

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


async def test_who_is_answered_does_not_wait_for_the_others() -> None:
    doubler = Doubler()
    first, last = (asyncio.ensure_future(doubler.together.ask(number)) for number in (1, 2))
    assert await first == 2
    assert not last.done()
    assert await last == 4


async def test_who_asks_during_a_call_gets_the_answer_of_the_next_one() -> None:
    doubler = Doubler()
    first = asyncio.ensure_future(doubler.together.ask(1))
    while not doubler.calls:  # a task makes the call
        await asyncio.sleep(0)
    assert await asyncio.gather(*map(doubler.together.ask, (2, 3))) == [4, 6]
    assert await first == 2
    assert doubler.calls == [[1], [2, 3]]


async def test_a_call_that_fails_fails_those_who_have_no_answer_yet_and_nobody_else() -> None:
    doubler = Doubler()
    assert await doubler.asked_while_locked(1, 13, 2) == [2, OSError, OSError]
    assert await doubler.together.ask(5) == 10
    assert not doubler.lock.locked()


async def test_an_error_of_one_question_costs_the_others_only_another_snapshot(postgres: str) -> None:
    def read(snapshot: Snapshot, asked: str) -> object:
        if asked == "missing":
            raise FilesMissing(0, 1, 10)
        connection = cast(psycopg.Connection, snapshot)
        return connection.execute(asked.encode()).fetchone()

    @contextmanager
    def snapshot() -> Iterator[Snapshot]:
        with psycopg.connect(postgres) as connection:
            taken.append(connection)
            yield cast(Snapshot, connection)

    async def answer(waiting: Sequence[Waiting[str, object]]) -> None:
        await asyncio.to_thread(answer_each, waiting, snapshot, read)

    taken = list[psycopg.Connection]()
    lock = asyncio.Lock()
    together = Together(lock, answer)
    questions = ["select 1", "select 1 / 0", "select 2", "missing", "select 3"]
    async with lock:
        waiting = asyncio.gather(*map(together.ask, questions), return_exceptions=True)
        await asyncio.sleep(0.01)
    found = await waiting
    assert found[::2] == [(1,), (2,), (3,)]
    assert [type(each) for each in found[1::2]] == [psycopg.errors.DivisionByZero, FilesMissing]
    assert len(taken) == 2
