"""Publishes dead letters to `events-rejected`. The table is the outbox.

Readers recognize a second copy by its source topic, partition and offset.
"""

import asyncio
import time
from typing import Any

from avro_schemas import topic
from avro_schemas.rejected_event import bounded_key
from service_kit.kafka.settings import KafkaSettings
from sinks import metrics
from sinks.dead_letters.outbox import Outbox
from sinks.dead_letters.record import record_headers, record_value
from sinks.relay import relay

_MAX_BATCH = 500


class Relay:
    """Publishes pending dead letters."""

    def __init__(self, kafka: KafkaSettings, outbox: Outbox) -> None:
        self._kafka, self._outbox = kafka, outbox
        self._topic = kafka.name(topic.EVENTS_REJECTED)

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set."""
        await relay(self._kafka, self._publish_batch, self._outbox.close, stopping, "dead letters")

    async def _publish_batch(self, producer: Any) -> int:
        pending = await asyncio.to_thread(self._outbox.pending, _MAX_BATCH)
        now = time.time_ns() // 1_000_000
        acks = [
            await producer.send(
                self._topic, record_value(each, now), key=bounded_key(each.key), headers=record_headers(each)
            )
            for each in pending
        ]
        # Marked only when all are acknowledged: a crash in between publishes them again.
        await asyncio.gather(*acks)
        if pending:
            await asyncio.to_thread(self._outbox.mark_published, [each.id for each in pending])
            metrics.DEAD_LETTERS_PUBLISHED.inc(len(pending))
        metrics.DEAD_LETTERS_PENDING.set(await asyncio.to_thread(self._outbox.count_pending))
        return len(pending)
