"""A worker is alive while it can do nothing, and not while it could and does not."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from stream_app.engine.partitions import OwnedPartitions
from stream_app.health import STUCK_SECONDS, Progress
from stream_app.state.partition import PartitionState


def app(*, end: int, connected: bool) -> Any:
    """What the probes see of an app that owns a partition with so many records, none of them folded."""
    owned = OwnedPartitions(lambda: PartitionState(limit=100, tell_from=20, grace_ms=0))
    owned.finish_recovery({0})
    owned.open = True
    consumer = SimpleNamespace(
        assignment=lambda: {TP("events", 0)},
        highwater=lambda _tp: end,
        topic_partitions=lambda _topic: 1,
        is_connected=connected,
    )
    return SimpleNamespace(owned=owned, consumer=consumer, events_topic="events")


@pytest.mark.parametrize(
    ("end", "connected", "alive"),
    [
        pytest.param(0, True, True, id="nothing to do"),
        pytest.param(5, False, True, id="Kafka away"),
        pytest.param(5, True, False, id="stuck"),
    ],
)
def test_after_a_minute_without_a_step(end: int, connected: bool, alive: bool) -> None:
    progress = Progress(app(end=end, connected=connected))
    progress.live()
    progress._moved -= STUCK_SECONDS + 1
    assert progress.live().ok is alive
