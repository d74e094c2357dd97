"""Where snapshots go: `events-rejected`, `live-aggregates` and `user-rates`."""

import time
from collections.abc import Sequence
from typing import Any

from avro_schemas import topic
from stream_app.engine.checkpoint import send_batches
from stream_app.outputs import aggregate, copy, rejection, user_rate
from stream_app.settings import Settings
from stream_app.state.partition import Snapshot
from stream_app.state.rates import MinuteTotal, Verdict


class TopicOutlet:
    """Writes with the producer that the engine holds; the outputs keep the partition of their source."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.events_per_minute
        self._events = settings.kafka.name(topic.EVENTS)
        self._rejected = settings.kafka.name(topic.EVENTS_REJECTED)
        self._aggregates = settings.kafka.name(topic.LIVE_AGGREGATES)
        self._rates = settings.kafka.name(topic.USER_RATES)
        self.producer: Any = None

    async def send_first(self, partition: int, snapshot: Snapshot) -> None:
        """Refused records, with the reason and their bytes; totals of minutes that are over; copies by type."""
        now = time.time_ns() // 1_000_000
        refused = [rejection(self._events, partition, rejected, now) for rejected in snapshot.rejected]
        for waiting in [await self.producer.send(self._rejected, out.value, key=out.key) for out in refused]:
            await waiting
        await self._send_rates(partition, snapshot, snapshot.minutes)
        for event_type in dict.fromkeys(each.event_type for each in snapshot.copies):
            copies = [copy(each.record) for each in snapshot.copies if each.event_type == event_type]
            await send_batches(self.producer, f"{self._events}-{event_type}", partition, copies)

    async def send_outputs(self, partition: int, snapshot: Snapshot) -> None:
        """Changed partials and verdicts."""
        partials = [aggregate(partition, snapshot, partial) for partial in snapshot.partials]
        await send_batches(self.producer, self._aggregates, partition, partials)
        await self._send_rates(partition, snapshot, snapshot.verdicts)

    async def _send_rates(
        self, partition: int, snapshot: Snapshot, rates: Sequence[Verdict | MinuteTotal]
    ) -> None:
        records = [user_rate(partition, snapshot, rate, self._limit) for rate in rates]
        await send_batches(self.producer, self._rates, partition, records)
