"""A worker that slept through its session must not write."""

import pytest

from stream_app.engine import checkpoint
from stream_app.engine.checkpoint import EXIT_FROZEN, Checkpoints
from stream_app.engine.partitions import OwnedPartitions
from stream_app.state.partition import PartitionState, Snapshot


class NoOutlet:
    """Nothing is told."""

    async def send_first(self, partition: int, snapshot: Snapshot) -> None: ...

    async def send_outputs(self, partition: int, snapshot: Snapshot) -> None: ...


def test_a_long_start_is_no_freeze_but_a_pause_between_beats_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now, exits = [0.0], list[int]()
    monkeypatch.setattr(checkpoint, "_boot_time", lambda: now[0])
    monkeypatch.setattr(checkpoint.os, "_exit", exits.append)
    owned = OwnedPartitions(lambda: PartitionState(limit=100, tell_from=20, grace_ms=600_000))
    checkpoints = Checkpoints(owned, "log", NoOutlet(), every=0.25, group_session_timeout_seconds=10)
    for at, expected in ((60.0, []), (68.0, []), (78.0, [EXIT_FROZEN])):
        now[0] = at
        checkpoints._end_if_frozen()
        assert exits == expected
