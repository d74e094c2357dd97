"""What the probes of the stream app answer."""

import time

from service_kit.probes import Health
from stream_app import metrics
from stream_app.engine.app import ExactApp
from stream_app.engine.partitions import OwnedPartitions

# Longer than the longest checkpoint: after that the process ends by itself.
STUCK_SECONDS = 60.0


def ready(app: ExactApp, max_lag: int) -> Health:
    """Partitions are assigned, their state is recovered, and not too many records wait."""
    lag = measure(app)
    if not app.owned.open:
        return Health(False, "waiting for partitions and their state")
    return Health(True) if lag < max_lag else Health(False, f"{lag} records behind")


class Progress:
    """Alive as long as positions move, or nothing can be done: no record waits, or Kafka is away."""

    def __init__(self, app: ExactApp) -> None:
        self._app = app
        self._seen: dict[int, int] = {}
        self._moved = time.monotonic()

    def live(self) -> Health:
        """Not live: there are records to fold and a broker to read them from, and none was folded for a minute."""
        positions = {number: owned.state.position for number, owned in self._app.owned.partitions.items()}
        if positions != self._seen or measure(self._app) == 0 or not self._app.consumer.is_connected:
            self._seen, self._moved = positions, time.monotonic()
        idle = time.monotonic() - self._moved
        return Health(True) if idle < STUCK_SECONDS else Health(False, f"no record folded for {idle:.0f} s")


def measure(app: ExactApp) -> int:
    """Set the gauges; the lag in records."""
    owned = app.owned
    ends = {
        tp.partition: app.consumer.highwater(tp) or 0
        for tp in (app.consumer.assignment() if owned.open else ())
        if tp.topic == app.events_topic
    }
    lag = owned.lag(ends)
    metrics.LAG.set(lag)
    if owned.open:
        metrics.TOPIC_PARTITIONS.set(app.consumer.topic_partitions(app.events_topic) or 0)
    _measure_partitions(owned, ends)
    return lag


def _measure_partitions(owned: OwnedPartitions, ends: dict[int, int]) -> None:
    metrics.PARTITIONS.set(len(owned.partitions))
    for number, partition in list(owned.partitions.items()):
        metrics.PARTITION_LAG.labels(number).set(owned.lag({number: ends.get(number, 0)}))
        metrics.PARTITION_OFFSET.labels(number).set(partition.durable)
    states = [partition.state for partition in owned.partitions.values()]
    reaches = [state.horizon.reach(state.watermark) for state in states]
    metrics.DEDUP_WINDOW_SECONDS.set(min(reaches, default=0) / 1000)
    metrics.NEWEST_EVENT.set(max((state.watermark for state in states), default=0) / 1000)
