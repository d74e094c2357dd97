"""What Faust passes over in silence ends the process."""

import os
from types import SimpleNamespace

import pytest
from faust.types import TP

from stream_app.engine.checkpoint import EXIT_FAILED
from stream_app.engine.table import StateTable


class ExitedError(Exception):
    """In place of the end of the process."""


async def test_a_state_that_cannot_be_restored_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_partitions: set[int]) -> None:
        raise KeyError("topic_id")

    def exit_(code: int) -> None:
        raise ExitedError(code)

    table = StateTable.__new__(StateTable)
    monkeypatch.setattr(table, "app", SimpleNamespace(owned=SimpleNamespace(finish_recovery=fail)), raising=False)
    monkeypatch.setattr(os, "_exit", exit_)
    with pytest.raises(ExitedError) as raised:
        await table.on_recovery_completed({TP("changelog", 0)}, set())
    assert raised.value.args == (EXIT_FAILED,)
