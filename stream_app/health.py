"""Readiness and liveness of a worker, and its gauges."""

import time

from service_kit.probes import Health
from stream_app import metrics
from stream_app.engine.app import FootfallApp
from stream_app.engine.partitions import OwnedPartitions

# Longer than the longest checkpoint: after that the process ends by itself.
STUCK_SECONDS = 60.0


def ready(app: FootfallApp, max_lag: int) -> Health:
    """Ready: partitions are assigned, their state is recovered, and not too many records wait."""
    lag = update_gauges(app)
    if not app.owned.accepting:
        return Health(False, "waiting for partitions and their state")
    if missing := without_state(app):
        return Health(False, f"{len(missing)} assigned partitions have no state, so nothing of them is counted")
    return Health(True) if lag < max_lag else Health(False, f"{lag} records behind")


def without_state(app: FootfallApp) -> set[int]:
    """Assigned partitions of `events` that this worker has no state of.

    A worker that is stopped in the moment of its start can leave such an assignment to the next one, if it has a
    group instance id. It ends when the group session does, so a restart mends it only after a pause.
    """
    assigned = {tp.partition for tp in app.consumer.assignment() if tp.topic == app.events_topic}
    return assigned - set(app.owned.partitions)


class Liveness:
    """Alive as long as positions move, no record waits, or no broker is connected."""

    def __init__(self, app: FootfallApp) -> None:
        self._app = app
        self._positions: dict[int, int] = {}
        self._moved_at = time.monotonic()

    def check(self) -> Health:
        """Not alive: for a minute there were records to fold and a broker to read from, and none was folded."""
        positions = {number: owned.state.position for number, owned in self._app.owned.partitions.items()}
        app = self._app
        has_work = update_gauges(app) > 0 or (app.owned.accepting and bool(without_state(app)))
        if positions != self._positions or not has_work or not app.consumer.is_connected:
            self._positions, self._moved_at = positions, time.monotonic()
        idle = time.monotonic() - self._moved_at
        return Health(True) if idle < STUCK_SECONDS else Health(False, f"no record folded for {idle:.0f} s")


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
    metrics.NEWEST_EVENT.set(max((state.watermark for state in states), default=0) / 1000)
