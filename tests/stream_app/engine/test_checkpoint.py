"""A worker that was frozen past its session must not write."""

from collections.abc import Collection

import pytest

from stream_app.engine import checkpoint
from stream_app.engine.checkpoint import EXIT_FROZEN, Checkpoints
from stream_app.engine.partitions import OwnedPartitions
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState
from stream_app.state.snapshot import Snapshot


class NoOutputs:
    """Publishes nothing."""

    async def take_over(self, partitions: Collection[int]) -> None: ...

    async def publish_once(self, partition: int, snapshot: Snapshot) -> None: ...

    async def publish_current(self, partition: int, snapshot: Snapshot) -> None: ...


def test_a_long_start_is_not_a_freeze_but_a_pause_between_heartbeats_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now, exits = [0.0], list[int]()
    monkeypatch.setattr(checkpoint, "_boot_time", lambda: now[0])
    monkeypatch.setattr(checkpoint.os, "_exit", exits.append)
    owned = OwnedPartitions(
        lambda: PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=600_000)
    )
    checkpoints = Checkpoints(
        owned, "changelog", NoOutputs(), interval_seconds=0.25, group_session_timeout_seconds=10
    )
    for at, expected in ((60.0, []), (68.0, []), (78.0, [EXIT_FROZEN])):
        now[0] = at
        checkpoints._exit_if_frozen()
        assert exits == expected
