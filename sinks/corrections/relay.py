"""Publishes corrections to the topic `corrections`: in the partition of their event, in the order of numbers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from avro_schemas import topic
from avro_schemas.correction import Correction, encode_correction
from service_kit.kafka.record_batches import Output, RecordTooLarge, send_batches
from service_kit.kafka.settings import KafkaSettings
from sinks import metrics
from sinks.corrections.outbox import Outbox, by_partition
from sinks.relay import relay


class CorrectionRelay:
    """Publishes pending corrections."""

    def __init__(self, kafka: KafkaSettings, outbox: Outbox) -> None:
        self._kafka, self._outbox = kafka, outbox
        self._topic = kafka.name(topic.CORRECTIONS)

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set."""
        await relay(self._kafka, self._publish_batch, self._outbox.close, stopping, "corrections")

    async def _publish_batch(self, producer: Any) -> int:
        pending = by_partition(await asyncio.to_thread(self._outbox.pending))
        ended = await asyncio.gather(
            *(self._publish(producer, partition, corrections) for partition, corrections in pending.items()),
            return_exceptions=True,
        )
        failed = {partition: error for partition, error in zip(pending, ended, strict=True) if error}
        published = {partition: each for partition, each in pending.items() if partition not in failed}
        if published:
            await asyncio.to_thread(self._outbox.delete, published)
        count = sum(map(len, published.values()))
        metrics.CORRECTIONS_PUBLISHED.inc(count)
        metrics.CORRECTIONS_LAG_SECONDS.set(await asyncio.to_thread(self._outbox.lag_seconds))
        for error in failed.values():
            raise error
        return count

    async def _publish(self, producer: Any, partition: int, corrections: Sequence[Correction]) -> None:
        # Each batch is acknowledged before the next is sent: a reader that has seen a number never meets a lower
        # one that it has not seen.
        try:
            await self._send(producer, partition, corrections)
        except RecordTooLarge:
            for each in corrections:
                try:
                    await self._send(producer, partition, [each])
                except RecordTooLarge:
                    # Totals can be corrected without the event, windows cannot.
                    await self._send(producer, partition, [replace(each, event=b"")])

    async def _send(self, producer: Any, partition: int, corrections: Sequence[Correction]) -> None:
        records = [Output(*encode_correction(each)) for each in corrections]
        await send_batches(producer, self._topic, partition, records)
