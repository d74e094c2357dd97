"""A reader of a topic without a consumer group, from some moment to now and on. It reconnects by itself."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from service_kit.background import is_cancelled
from service_kit.kafka.consumer import fetch_readable, new_consumer
from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.refusals import described
from service_kit.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0

OnRecords = Callable[[int, Sequence[KafkaRecord]], None]


class Follower:
    """Passes every record of a topic to `on_records`, with its partition.

    `connected`: whether any broker is. `caught_up`: whether all that the topic held at the start was read.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        *,
        client_id: str,
        on_records: OnRecords,
        look_back_ms: int | None = None,
    ) -> None:
        """`look_back_ms`: how far into the past to begin; None for the start of the topic."""
        self._settings, self._topic, self._client_id = settings, settings.name(topic), client_id
        self._on_records, self._look_back_ms = on_records, look_back_ms
        self.caught_up = False
        self.connected = False

    async def run(self) -> None:
        """Follow until cancelled. After any error, connect again and begin where a new follower would."""
        while not is_cancelled():
            try:
                await self._follow()
            except Exception as error:  # whatever it is: nobody else would start it again
                log.warning("Kafka cannot be reached", extra={"topic": self._topic, "error": described(error)})
            self.connected = False
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        consumer = new_consumer(
            **self._settings.client_options(),
            client_id=self._client_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=250,
        )
        try:
            await consumer.start()
            partitions = await self._partitions(consumer)
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await self._seek(consumer, ends)
            self.connected = True
            while True:
                fetched = await fetch_readable(consumer, timeout_ms=500)
                for tp, records in fetched.items():
                    self._on_records(tp.partition, records)
                if not self.caught_up:
                    self.caught_up = all([await consumer.position(tp) >= ends[tp] for tp in partitions])
                # aiokafka waits silently for a broker that is unavailable, and has no public way to ask.
                self.connected = any(connection.connected() for connection in consumer._client._conns.values())
        finally:
            await consumer.stop()

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """All partitions of the topic. Waits until the topic exists."""
        while True:
            # A consumer without an assignment fetches no metadata of the topic: ask for it.
            await consumer._client.add_topic(self._topic)
            await consumer._client.force_metadata_update()
            if found := consumer.partitions_for_topic(self._topic):
                return [TopicPartition(self._topic, partition) for partition in sorted(found)]
            await asyncio.sleep(_RETRY_SECONDS)

    async def _seek(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        if self._look_back_ms is None:
            return
        since = time.time_ns() // 1_000_000 - self._look_back_ms
        found = await consumer.offsets_for_times(dict.fromkeys(ends, since))
        for tp, end in ends.items():
            first = found.get(tp)
            consumer.seek(tp, first.offset if first else end)
