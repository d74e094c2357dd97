"""Questions that read little do not wait for those that read much."""

import asyncio
from pathlib import Path

from dashboard.columns.turns import Turns, bytes_of

SMALL, LARGE = 1 << 20, 1 << 30


async def test_a_small_question_is_asked_while_large_ones_wait() -> None:
    turns, asked, may_end = Turns(), list[int](), asyncio.Event()

    async def ask(size: int) -> None:
        async with turns.of(size):
            asked.append(size)
            await may_end.wait()

    async with asyncio.TaskGroup() as group:
        for size in (LARGE, LARGE, LARGE, SMALL):
            group.create_task(ask(size))
        await asyncio.sleep(0)
        assert asked == [LARGE, LARGE, SMALL]
        assert turns.of(LARGE).locked()
        may_end.set()
    assert asked == [LARGE, LARGE, SMALL, LARGE]


def test_a_file_that_was_deleted_has_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert bytes_of(map(str, (tmp_path / "file", tmp_path / "gone"))) == 5
