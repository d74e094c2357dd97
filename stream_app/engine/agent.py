"""The agent's loop: a fetched list of records in, the partition's state forward."""

import logging
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

from stream_app import metrics
from stream_app.engine.app import FootfallApp
from stream_app.engine.checkpoint import EXIT_FAILED
from stream_app.engine.log_check import check_epoch
from stream_app.engine.partitions import OwnedPartition
from stream_app.state.dimensions import EmitEvery

log = logging.getLogger(__name__)

# After this many fetches in a row that begin at the same later offset, the records between are gone.
MAX_GAP_FETCHES = 6
# So many rejected and copied records of a partition wait in memory for a checkpoint; then reading waits for it.
MAX_PENDING_RECORDS = 20_000


async def fold_batches(app: FootfallApp, events: AsyncIterator[Any]) -> None:
    """Fold each batch. Any error ends the process: raised to Faust, it would acknowledge the batch."""
    async for event in events:
        try:
            # The recovery gate. Between the end of a recovery and the seek to the state's position, Faust 0.15.3
            # delivers batches from wherever the consumer was. Folded, they would move the position past records
            # that were never counted, and `apply` would then skip these as known when the seek brings them.
            if app.owned.accepting:
                await _fold_batch(app, event)
            else:
                metrics.EARLY_BATCHES.inc()
        except Exception:
            log.exception("a batch could not be folded; exiting before it is acknowledged")
            os._exit(EXIT_FAILED)


async def _fold_batch(app: FootfallApp, event: Any) -> None:
    partition = event.message.partition
    owned = app.owned.partitions.get(partition)
    if owned is None:
        return
    records = event.value
    state = owned.state
    if empty := app.consumer.fetches.empty_from(event.message.tp, state.position + 1):
        state.pass_over(empty.next, empty.epoch)
    if _is_contiguous(owned, records.start):
        if -1 < state.leader_epoch != records.epoch > -1:
            await check_epoch(app, partition, owned)
        metrics.BATCH_RECORDS.observe(len(records))
        left = _apply(app, partition, owned, records)
        while left:
            # After an absence a batch holds hours, whose windows leave the state with the time: they go out now.
            await app.checkpoints.write_one(partition)
            if not app.owned.accepting or app.owned.partitions.get(partition) is not owned:
                return  # a rebalance came in between
            left = _apply(app, partition, owned, left)
        state.pass_over(records.next, records.epoch)
        if owned.state.pending_records >= MAX_PENDING_RECORDS:
            await app.checkpoints.write_all(EmitEvery.CHECKPOINT)
    else:
        metrics.GAPS_REFETCHED.inc()
        await app.consumer.seek(event.message.tp, owned.state.position + 1)


def _apply(app: FootfallApp, partition: int, owned: OwnedPartition, records: Sequence[Any]) -> Sequence[Any]:
    """Fold records. Return those that must wait for a checkpoint."""
    before = dict(owned.state.outcomes)
    with app.fold_span(partition, records), metrics.FOLD_SECONDS.time():
        left = owned.state.apply(records)
    for outcome, count in owned.state.outcomes.items():
        metrics.EVENTS.labels(outcome).inc(count - before[outcome])
    return left


def _is_contiguous(owned: OwnedPartition, first: int) -> bool:
    """The continuity check: whether a batch that begins at `first` continues the state, without a gap.

    Invariant: every record up to the state's position was folded, or was reported as lost. Without the check, a
    batch that Faust dropped between fetching and folding would be missing from the counts for ever, as the next
    one moves the position past it. Overlaps are harmless: the state skips what it knows.

    A gap is fetched again. If the same gap comes back several times, the broker no longer has the records
    (retention removed them), and waiting for them would stop the partition.
    """
    if first <= owned.state.position + 1:
        return True
    owned.gap_fetches = owned.gap_fetches + 1 if owned.gap_at == first else 1
    owned.gap_at = first
    if owned.gap_fetches < MAX_GAP_FETCHES:
        return False
    lost = first - owned.state.position - 1
    log.error("offsets %d to %d are lost; continuing after them", owned.state.position + 1, first - 1)
    metrics.RECORDS_LOST.inc(lost)
    return True
