"""A worker is alive while there is nothing it can do, and not alive while it could work and does not."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from service_kit.kafka.unreadable import DamagedBatch, StoppedPartitions
from stream_app import metrics
from stream_app.engine.partitions import OwnedPartitions
from stream_app.health import STUCK_RECOVERY_SECONDS, STUCK_SECONDS, Liveness, ready
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState
from stream_app.state_pages import StatePages
from tests.support.events import NOON, Record, encoded, event, fresh_id


def app(*, end: int, connected: bool, uncommitted: int = 0) -> Any:
    """What the probes see of an app that owns a partition with `end` records, none of them folded."""
    owned = OwnedPartitions(lambda: PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=0))
    owned.finish_recovery({0})
    owned.accepting = True
    consumer = SimpleNamespace(
        assignment=lambda: {TP("events", 0)},
        highwater=lambda _tp: end,
        topic_partitions=lambda _topic: 1,
        is_connected=connected,
        uncommitted=lambda _tp: uncommitted,
    )
    return SimpleNamespace(
        has_consumer=True, owned=owned, consumer=consumer, events_topic="events", stopped=StoppedPartitions()
    )


@pytest.mark.parametrize(
    ("end", "connected", "alive"),
    [
        pytest.param(0, True, True, id="nothing to do"),
        pytest.param(5, False, True, id="Kafka unavailable"),
        pytest.param(5, True, False, id="stuck"),
    ],
)
def test_after_a_minute_without_progress(end: int, connected: bool, alive: bool) -> None:
    liveness = Liveness(app(end=end, connected=connected))
    liveness.check()
    liveness._moved_at -= STUCK_SECONDS + 1
    assert liveness.check().ok is alive


def test_a_worker_without_the_state_of_an_assigned_partition_is_neither_ready_nor_alive() -> None:
    worker = app(end=0, connected=True)
    assert ready(worker, 1_000).ok
    worker.owned.partitions.clear()
    assert "1 assigned partitions have no state" in ready(worker, 1_000).reason
    liveness = Liveness(worker)
    liveness.check()
    liveness._moved_at -= STUCK_SECONDS + 1
    assert not liveness.check().ok


def test_a_worker_whose_recovery_stands_still_is_not_alive() -> None:
    worker = app(end=0, connected=True)
    worker.owned.clear()
    liveness = Liveness(worker)
    liveness.check()
    liveness._moved_at -= STUCK_RECOVERY_SECONDS + 1
    assert "nothing of their state was read" in liveness.check().reason
    worker.owned.read_changelog(0, 7, b"0|c", bytes(8))
    assert liveness.check().ok


def test_a_worker_without_partitions_has_nothing_to_recover() -> None:
    worker = app(end=0, connected=True)
    worker.owned.clear()
    worker.consumer.assignment = set
    liveness = Liveness(worker)
    liveness.check()
    liveness._moved_at -= STUCK_RECOVERY_SECONDS + 1
    assert liveness.check().ok


def test_a_worker_whose_partition_stops_at_a_damaged_batch_says_where_and_is_not_restarted() -> None:
    worker = app(end=5, connected=True)
    worker.stopped.stop("events", 0, DamagedBatch(0, 3, 0, b"", "its bytes do not match its checksum"), now=0)
    health = ready(worker, 1_000)
    assert not health.ok
    assert "FOOTFALL_SKIP_BATCHES=events:0:0" in health.reason
    liveness = Liveness(worker)
    liveness.check()
    liveness._moved_at -= STUCK_SECONDS + 1
    assert liveness.check().ok


def test_a_transaction_that_another_program_left_open_is_named_and_no_reason_to_restart() -> None:
    worker = app(end=5, connected=True, uncommitted=5)
    assert "5 of them wait for a transaction" in ready(worker, 3).reason
    liveness = Liveness(worker)
    liveness.check()
    liveness._moved_at -= STUCK_SECONDS + 1
    assert liveness.check().ok


def test_probes_make_neither_consumer_nor_event_loop_while_the_worker_starts() -> None:
    """Made in the thread of the probes, they would keep the worker from starting."""

    class Starting:
        """An app of Faust, as far as the probes may look at it."""

        has_consumer = False

        def __init__(self) -> None:
            ready_one = app(end=0, connected=True)
            self.owned, self.stopped, self.events_topic = ready_one.owned, ready_one.stopped, "events"
            self.owned.clear()

        def __getattr__(self, name: str) -> Any:
            pytest.fail(f"app.{name} was asked for")

    worker: Any = Starting()
    assert Liveness(worker).check().ok
    assert not ready(worker, 1_000).ok
    assert StatePages(worker).partitions("/state") == {"ready": False, "partitions": {}}
    assert StatePages(worker).user("00") is None


def test_the_gauges_say_how_many_events_wait_for_the_sinks_and_since_when() -> None:
    worker = app(end=0, connected=True)
    old = event("click", event_id=fresh_id(NOON - 3_600_000))
    worker.owned.partitions[0].state.apply([Record(0, NOON, None, encoded(old))])
    assert ready(worker, 1_000).ok
    assert (metrics.UNCERTAIN_EVENTS._value.get(), metrics.UNCERTAIN_SINCE._value.get()) == (1, NOON / 1000)
