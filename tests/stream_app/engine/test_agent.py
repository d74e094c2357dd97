"""Batches are folded one by one, and the records that wait for a checkpoint are bounded."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from service_kit.kafka.fetches import Covered, EmptySpan, Fetches
from stream_app.engine import agent
from stream_app.engine.partitions import OwnedPartitions
from stream_app.state.dimensions import LIVE_AGGREGATES, EmitEvery
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event


def owned_partition() -> OwnedPartitions:
    owned = OwnedPartitions(
        lambda: PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=600_000)
    )
    owned.finish_recovery({0})
    owned.accepting = True
    return owned


def an_app(owned: OwnedPartitions, **checkpoints: Any) -> Any:
    async def seek(_tp: TP, offset: int) -> None:
        app.sought.append(offset)

    app = SimpleNamespace(
        owned=owned,
        fold_span=lambda _partition, _records: nullcontext(),
        checkpoints=SimpleNamespace(**checkpoints),
        consumer=SimpleNamespace(fetches=Fetches(), seek=seek),
        sought=[],
    )
    return app


def fetched(
    records: list[Record], start: int | None = None, next_offset: int | None = None, epoch: int = 1
) -> Any:
    """A fetch of these records, or of more offsets than they have."""
    first = records[0].offset if start is None else start
    covered = Covered(records, first, records[-1].offset + 1 if next_offset is None else next_offset, epoch)
    return SimpleNamespace(message=SimpleNamespace(partition=0, tp=TP("events", 0)), value=covered)


async def fold(app: Any, *batches: Any) -> PartitionState:
    async def each() -> AsyncIterator[Any]:
        for batch in batches:
            yield batch

    await agent.fold_batches(app, each())
    state: PartitionState = app.owned.partitions[0].state
    return state


def rubbish(*offsets: int) -> list[Record]:
    return [Record(offset, NOON, None, b"rubbish") for offset in offsets]


async def test_offsets_without_a_record_are_no_gap() -> None:
    """Within a fetch, at its start, at its end, and where nothing else was fetched."""
    app = an_app(owned_partition())
    state = await fold(app, fetched(rubbish(2, 5), start=0, next_offset=9))
    assert state.position == 8
    app.consumer.fetches.add(TP("events", 0), EmptySpan(9, 12, 3))
    app.consumer.fetches.add(TP("events", 0), EmptySpan(12, 14, 3))
    state = await fold(app, fetched(rubbish(14), epoch=3))
    assert (state.position, state.leader_epoch, app.sought) == (14, 3, [])
    await fold(app, fetched(rubbish(16), start=16, epoch=3))
    assert app.sought == [15]


async def test_a_flood_of_rejected_records_waits_for_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "MAX_PENDING_RECORDS", 25)
    owned = owned_partition()
    written: list[int] = []

    async def write_all(_pace: EmitEvery) -> None:
        snapshot = owned.partitions[0].state.snapshot()
        assert snapshot is not None
        written.append(len(snapshot.rejected))

    async def batches() -> AsyncIterator[Any]:
        for first in range(0, 100, 10):
            records = [Record(first + n, NOON, None, b"rubbish") for n in range(10)]
            yield fetched(records)

    app = an_app(owned, write_all=write_all)
    await agent.fold_batches(app, batches())
    assert written == [30, 30, 30]
    assert owned.partitions[0].state.pending_records == 10


async def test_a_backlog_of_hours_is_folded_in_steps_between_which_its_windows_are_written() -> None:
    owned = owned_partition()
    written: list[int] = []

    async def write_one(partition: int) -> None:
        snapshot = owned.partitions[partition].state.snapshot()
        assert snapshot is not None
        written.append(snapshot.position)

    async def batches() -> AsyncIterator[Any]:
        times = [NOON + n * 120_000 for n in range(90)]
        records = [Record(n, at, None, encoded(event("click", at))) for n, at in enumerate(times)]
        yield fetched(records)

    app = an_app(owned, write_one=write_one)
    await agent.fold_batches(app, batches())
    assert written == [2, *range(4, 89, 2)]
    assert owned.partitions[0].state.position == 89
