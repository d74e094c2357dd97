"""Fetches records again that were fetched and lost before they were folded, on partitions where nothing follows.

Faust empties its queues when the flow resumes after a recovery: a batch that came between the seek and that moment
is gone. Where more records follow, the continuity check of the agent finds the gap. On a partition that falls
quiet nothing follows, and without this module its last records would stay uncounted until the next event or
restart.
"""

import asyncio

from aiokafka.errors import KafkaError
from faust.types import TP

from stream_app import metrics
from stream_app.engine.app import FootfallApp

CHECK_SECONDS = 1.0

# The position of a partition's state, and where the next fetch begins.
Progress = tuple[int, int]


async def refetch_missed(app: FootfallApp) -> None:
    """Check every partition each second, until cancelled."""
    progress: dict[int, Progress] = {}
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        app.consumer.retry_stopped()
        try:
            progress = await _check(app, progress) if app.owned.accepting else {}
        except KafkaError:  # a rebalance took the partition away
            progress = {}


async def _check(app: FootfallApp, before: dict[int, Progress]) -> dict[int, Progress]:
    progress: dict[int, Progress] = {}
    for partition, owned in list(app.owned.partitions.items()):
        tp = TP(app.events_topic, partition)
        next_fetch = await app.consumer.position(tp)
        # While we waited, a rebalance may have replaced the state: a seek to the old position would be wrong.
        if next_fetch is None or app.owned.partitions.get(partition) is not owned:
            return {}
        if empty := app.consumer.fetches.empty_from(tp, owned.state.position + 1):
            owned.state.pass_over(empty.next, empty.epoch)
        progress[partition] = (owned.state.position, next_fetch)
        if _is_stuck(progress[partition], before.get(partition)):
            metrics.GAPS_REFETCHED.inc()
            await app.consumer.seek(tp, owned.state.position + 1)
    return progress


def _is_stuck(now: Progress, before: Progress | None) -> bool:
    """Whether records were fetched and not folded, and neither fetch nor fold moved since the last check.

    Records on their way through Faust's queues look the same for a moment; in a whole second they move.
    """
    position, next_fetch = now
    return next_fetch > position + 1 and now == before
