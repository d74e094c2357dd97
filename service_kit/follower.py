"""Follow a topic without a group, from the past to now and on; it comes back by itself when Kafka does."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from service_kit.kafka import KafkaRecord, KafkaSettings

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


class Follower:
    """Hands on every record of a topic. `changed` is called when the connection comes or goes."""

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        *,
        client_id: str,
        take: Callable[[Sequence[KafkaRecord]], None],
        look_back_ms: int | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`look_back_ms`: how far into the past to begin; None for the start of the topic."""
        self._settings, self._topic, self._client_id = settings, settings.name(topic), client_id
        self._take, self._look_back_ms, self._changed = take, look_back_ms, changed
        self.caught_up = False
        self.connected = False

    async def run(self) -> None:
        """Follow for ever; when Kafka goes away, connect again and take up where it was left."""
        while True:
            try:
                await self._follow()
            except Exception as error:  # whatever it is: nobody else would begin again
                log.warning("Kafka cannot be reached", extra={"topic": self._topic, "error": repr(error)})
            self._is_connected(False)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
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
            self._is_connected(True)
            while True:
                fetched = await consumer.getmany(timeout_ms=500)
                for records in fetched.values():
                    self._take(records)
                if not self.caught_up:
                    positions = {partition: await consumer.position(partition) for partition in partitions}
                    self.caught_up = all(positions[partition] >= ends[partition] for partition in partitions)
                # aiokafka waits silently for a broker that is gone.
                self._is_connected(any(c.connected() for c in consumer._client._conns.values()))
        finally:
            await consumer.stop()

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """All partitions of the topic; waits until it exists."""
        while True:
            await consumer._client.add_topic(self._topic)
            await consumer._client.force_metadata_update()
            if found := consumer.partitions_for_topic(self._topic):
                return [TopicPartition(self._topic, partition) for partition in sorted(found)]
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _seek(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        if self._look_back_ms is None:
            return
        since = time.time_ns() // 1_000_000 - self._look_back_ms
        found = await consumer.offsets_for_times(dict.fromkeys(ends, since))
        for partition, end in ends.items():
            begin = found.get(partition)
            consumer.seek(partition, begin.offset if begin else end)

    def _is_connected(self, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            self._changed()
