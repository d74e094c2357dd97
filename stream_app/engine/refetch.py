"""Fetches again what was fetched and got lost before it was folded, where no later batch shows the hole.

Faust empties its queues when the flow resumes after a recovery. A batch that came between the seek and that moment
is gone, and on a partition that falls quiet nothing follows that would not join on.
"""

import asyncio

from aiokafka.errors import KafkaError
from faust.types import TP

from stream_app import metrics
from stream_app.engine.app import ExactApp

LOOK_SECONDS = 1.0

# Where a partition's state stands, and where the next fetch begins.
Standing = tuple[int, int]


async def fetch_missed(app: ExactApp) -> None:
    """Look at every partition once in a while, until cancelled."""
    standings: dict[int, Standing] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            standings = await _look(app, standings) if app.owned.open else {}
        except KafkaError:  # a rebalance took the partition away
            standings = {}


async def _look(app: ExactApp, before: dict[int, Standing]) -> dict[int, Standing]:
    standings: dict[int, Standing] = {}
    for partition, owned in list(app.owned.partitions.items()):
        tp = TP(app.events_topic, partition)
        fetched = await app.consumer.position(tp)
        if fetched is None or app.owned.partitions.get(partition) is not owned:
            return {}
        standings[partition] = (owned.state.position, fetched)
        if _is_missing(standings[partition], before.get(partition)):
            metrics.GAPS_REFETCHED.inc()
            await app.consumer.seek(tp, owned.state.position + 1)
    return standings


def _is_missing(now: Standing, before: Standing | None) -> bool:
    """Whether records lie between the state and the next fetch, and have not come on since the last look."""
    position, fetched = now
    return fetched > position + 1 and now == before
