"""Readiness and liveness of a worker, and its gauges."""

import time

from faust.types import TP

from service_kit.probes import Health
from stream_app import metrics
from stream_app.engine.app import FootfallApp
from stream_app.engine.assignment import without_state
from stream_app.engine.partitions import OwnedPartitions

# Longer than the longest checkpoint: after that the process ends by itself.
STUCK_SECONDS = 60.0
# Other members may take a minute to join after a rebalance has begun.
STUCK_RECOVERY_SECONDS = 120.0


def ready(app: FootfallApp, max_lag: int, topic_faults: str | None = None) -> Health:
    """Ready: topics are as they must be, partitions are assigned, their state is recovered, few records wait."""
    lag = update_gauges(app)
    if topic_faults:
        return Health(False, topic_faults)
    if damage := app.stopped.reason():
        return Health(False, damage)
    if not app.owned.accepting:
        return Health(False, "waiting for partitions and their state")
    if missing := without_state(app):
        return Health(False, f"{len(missing)} assigned partitions have no state, so nothing of them is counted")
    if lag < max_lag:
        return Health(True)
    waiting = uncommitted(app)
    reason = f", {waiting} of them wait for a transaction that another program left open" if waiting else ""
    return Health(False, f"{lag} records behind{reason}")


class Liveness:
    """Alive as long as positions or a recovery move, nothing is to be done, or no broker is connected."""

    def __init__(self, app: FootfallApp) -> None:
        self._app = app
        self._progress: object = None
        self._moved_at = time.monotonic()

    def check(self) -> Health:
        """Not alive: for a while there was something to do and a broker to read from, and nothing was done."""
        app = self._app
        if not app.has_consumer:
            return Health(True)
        progress, has_work = (app.owned.accepting, app.owned.progress()), self._has_work()
        if progress != self._progress or not app.consumer.is_connected or not has_work:
            self._progress, self._moved_at = progress, time.monotonic()
        idle = time.monotonic() - self._moved_at
        if app.owned.accepting:
            return Health(True) if idle < STUCK_SECONDS else Health(False, f"no record folded for {idle:.0f} s")
        message = f"partitions are assigned, and nothing of their state was read for {idle:.0f} s"
        return Health(True) if idle < STUCK_RECOVERY_SECONDS else Health(False, message)

    def _has_work(self) -> bool:
        app, lag = self._app, update_gauges(self._app)
        if app.owned.accepting:
            # A transaction of others that stays open holds everybody up, too: no restart would help.
            return lag > app.owned.lag(_stopped_ends(app)) + uncommitted(app) or bool(without_state(app))
        # In front of a damaged batch of the changelog a recovery stands still, after a restart too.
        return app.consumer.is_connected and bool(app.consumer.assignment()) and not app.stopped.batches()


def _stopped_ends(app: FootfallApp) -> dict[int, int]:
    """The end of each partition that stops at a damaged batch: a restart would not help there."""
    stopped = {TP(*place) for place in app.stopped.batches() if place[0] == app.events_topic}
    return {tp.partition: app.consumer.highwater(tp) or 0 for tp in stopped & set(app.consumer.assignment())}


def uncommitted(app: FootfallApp) -> int:
    """Records that wait for the end of a transaction of others."""
    if not app.owned.accepting:
        return 0
    return sum(app.consumer.uncommitted(tp) for tp in app.consumer.assignment() if tp.topic == app.events_topic)


def update_gauges(app: FootfallApp) -> int:
    """Set the gauges; return the lag in records."""
    owned = app.owned
    end_offsets = {
        tp.partition: app.consumer.highwater(tp) or 0
        for tp in (app.consumer.assignment() if owned.accepting else ())
        if tp.topic == app.events_topic
    }
    lag = owned.lag(end_offsets)
    metrics.LAG.set(lag)
    metrics.UNCOMMITTED.set(uncommitted(app))
    if owned.accepting:
        metrics.TOPIC_PARTITIONS.set(app.consumer.topic_partitions(app.events_topic) or 0)
    _update_partition_gauges(owned, end_offsets)
    return lag


def _update_partition_gauges(owned: OwnedPartitions, end_offsets: dict[int, int]) -> None:
    metrics.PARTITIONS.set(len(owned.partitions))
    for number, partition in list(owned.partitions.items()):
        metrics.PARTITION_LAG.labels(number).set(owned.lag({number: end_offsets.get(number, 0)}))
        metrics.PARTITION_OFFSET.labels(number).set(partition.durable)
    states = [partition.state for partition in owned.partitions.values()]
    coverages = [state.dedup_window.coverage_ms(state.watermark) for state in states]
    metrics.DEDUP_WINDOW_SECONDS.set(min(coverages, default=0) / 1000)
    metrics.UNCERTAIN_EVENTS.set(sum(state.outcomes["uncertain"] for state in states))
    waiting = [state.corrections.waiting_since for state in states if state.corrections.waiting_since]
    metrics.UNCERTAIN_SINCE.set(min(waiting, default=0) / 1000)
    metrics.NEWEST_EVENT.set(max((state.watermark for state in states), default=0) / 1000)
