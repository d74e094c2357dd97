"""The cycle of a worker's partitions: clear, recover, work, emit again."""

from stream_app.engine.changelog import changelog_key, fenced
from stream_app.engine.partitions import OwnedPartitions
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event


def owned_partitions() -> OwnedPartitions:
    return OwnedPartitions(
        lambda: PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=600_000)
    )


def test_what_was_emitted_is_emitted_again_when_all_is_dirty() -> None:
    owned = owned_partitions()
    owned.finish_recovery({0})
    state = owned.partitions[0].state
    state.apply([Record(0, NOON, None, encoded(event("click")))])
    first = state.snapshot()
    assert first is not None
    assert state.snapshot() is None
    owned.mark_all_dirty()
    assert state.snapshot() == first


def test_a_new_owner_continues_where_the_changelog_ends() -> None:
    before = owned_partitions()
    before.finish_recovery({3})
    before.partitions[3].state.apply([Record(offset, NOON, None, encoded(event("click"))) for offset in range(5)])
    snapshot = before.partitions[3].state.snapshot()
    assert snapshot is not None

    after = owned_partitions()
    for offset, (key, payload) in enumerate(snapshot.values):
        after.read_changelog(3, offset, changelog_key(3, key), fenced(snapshot.position, payload))
    after.finish_recovery({3, 4})
    assert (after.partitions[3].durable, after.partitions[3].state.totals) == (5, {"click": 5})
    assert after.partitions[3].changelog_next == len(snapshot.values)
    assert after.partitions[4].durable == 0
    assert after.lag({3: 7, 4: 0}) == 2

    after.clear()
    assert (after.partitions, after.recovered, after.accepting) == ({}, False, False)
