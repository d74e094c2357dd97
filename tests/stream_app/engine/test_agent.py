"""Batches are folded one by one, and the records that wait for a checkpoint are bounded."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from stream_app.engine import agent
from stream_app.engine.partitions import OwnedPartitions
from stream_app.state.dimensions import LIVE_AGGREGATES, EmitEvery
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event


async def test_a_flood_of_rejected_records_waits_for_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "MAX_PENDING_RECORDS", 25)
    owned = OwnedPartitions(
        lambda: PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=600_000)
    )
    owned.finish_recovery({0})
    owned.accepting = True
    written: list[int] = []

    async def write_all(_pace: EmitEvery) -> None:
        snapshot = owned.partitions[0].state.snapshot()
        assert snapshot is not None
        written.append(len(snapshot.rejected))

    async def batches() -> AsyncIterator[Any]:
        for first in range(0, 100, 10):
            records = [Record(first + n, NOON, None, b"rubbish") for n in range(10)]
            yield SimpleNamespace(message=SimpleNamespace(partition=0), value=records)

    app: Any = SimpleNamespace(
        owned=owned,
        fold_span=lambda _partition, _records: nullcontext(),
        checkpoints=SimpleNamespace(write_all=write_all),
    )
    await agent.fold_batches(app, batches())
    assert written == [30, 30, 30]
    assert owned.partitions[0].state.pending_records == 10


async def test_a_backlog_of_hours_is_folded_in_steps_between_which_its_windows_are_written() -> None:
    owned = OwnedPartitions(
        lambda: PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=600_000)
    )
    owned.finish_recovery({0})
    owned.accepting = True
    written: list[int] = []

    async def write_one(partition: int) -> None:
        snapshot = owned.partitions[partition].state.snapshot()
        assert snapshot is not None
        written.append(snapshot.position)

    async def batches() -> AsyncIterator[Any]:
        times = [NOON + n * 120_000 for n in range(90)]
        records = [Record(n, at, None, encoded(event("click", at))) for n, at in enumerate(times)]
        yield SimpleNamespace(message=SimpleNamespace(partition=0), value=records)

    app: Any = SimpleNamespace(
        owned=owned,
        fold_span=lambda _partition, _records: nullcontext(),
        checkpoints=SimpleNamespace(write_one=write_one),
    )
    await agent.fold_batches(app, batches())
    assert written == [2, *range(4, 89, 2)]
    assert owned.partitions[0].state.position == 89
