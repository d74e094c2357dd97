"""The agent's loop: a fetched list of records in, the partition's state forward."""

import logging
import os
from collections.abc import AsyncIterator
from typing import Any

from stream_app import metrics
from stream_app.engine.app import ExactApp
from stream_app.engine.checkpoint import EXIT_FAILED
from stream_app.engine.partitions import Owned
from stream_app.state.dimensions import Pace

log = logging.getLogger(__name__)

# After this many fetches that begin at the same later offset, the records between are gone.
PATIENCE = 6
# So many refused and copied records of a partition wait in memory for a checkpoint; then reading waits for it.
MAX_PENDING = 20_000


async def fold_batches(app: ExactApp, events: AsyncIterator[Any]) -> None:
    """Fold each batch; whatever goes wrong ends the process, as an exception would acknowledge the batch."""
    async for event in events:
        try:
            if app.owned.open:
                await _fold(app, event)
            else:
                # Delivered before the seek to the state's position, which brings it again.
                metrics.EARLY_BATCHES.inc()
        except Exception:
            log.exception("a batch could not be folded; ending before it is acknowledged")
            os._exit(EXIT_FAILED)


async def _fold(app: ExactApp, event: Any) -> None:
    owned = app.owned.partitions.get(event.message.partition)
    if owned is None:
        return
    records = event.value
    if _joins_on(owned, records[0].offset):
        before = dict(owned.state.outcomes)
        with app.around_fold(event.message.partition, records), metrics.FOLD_SECONDS.time():
            owned.state.apply(records)
        metrics.BATCH_RECORDS.observe(len(records))
        for outcome, count in owned.state.outcomes.items():
            metrics.EVENTS.labels(outcome).inc(count - before[outcome])
        if owned.state.waiting >= MAX_PENDING:
            await app.checkpoints.write_all(Pace.AT_ONCE)
    else:
        metrics.GAPS_REFETCHED.inc()
        await app.consumer.seek(event.message.tp, owned.state.position + 1)


def _joins_on(owned: Owned, first: int) -> bool:
    """Whether a batch that begins at `first` continues the state; a hole is fetched again, a few times."""
    if first <= owned.state.position + 1:
        return True
    owned.holes = owned.holes + 1 if owned.hole_at == first else 1
    owned.hole_at = first
    if owned.holes < PATIENCE:
        return False
    lost = first - owned.state.position - 1
    log.error("offsets %d to %d are gone; going on behind them", owned.state.position + 1, first - 1)
    metrics.RECORDS_LOST.inc(lost)
    return True
