"""Follows `live-aggregates` from its start, without a group; the only module that knows aiokafka here."""

import asyncio
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from avro_schemas import topics
from avro_schemas.codec import Undecodable, decode
from dashboard.board import Board
from service_kit.kafka import KafkaSettings

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


class Follower:
    """Feeds a board; `changed` is called after each batch."""

    def __init__(self, settings: KafkaSettings, board: Board, changed: Callable[[], None]) -> None:
        self._settings, self._board, self._changed = settings, board, changed
        self._topic = settings.name(topics.LIVE_AGGREGATES)
        self.caught_up = False
        self.connected = False

    async def run(self) -> None:
        """Follow for ever; when Kafka goes away, keep what is known and connect again."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError) as error:
                log.warning("Kafka cannot be reached", extra={"error": repr(error)})
            self.connected = False
            self._changed()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._settings.client_options(),
            client_id="footfall-dashboard",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=250,
        )
        await consumer.start()
        try:
            tps = await _partitions(consumer, self._topic)
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            self.connected = True
            while True:
                fetched = await consumer.getmany(timeout_ms=500)
                for records in fetched.values():
                    self._merge([record.value for record in records])
                if fetched:
                    self._changed()
                if not self.caught_up:
                    positions = [await consumer.position(tp) for tp in tps]
                    self.caught_up = all(p >= ends[tp] for p, tp in zip(positions, tps, strict=True))
                await self._check_connection(consumer)
        finally:
            await consumer.stop()

    def _merge(self, values: list[bytes | None]) -> None:
        for value in values:
            if value is None:
                continue
            try:
                schema, partial = decode(value)
            except Undecodable as refusal:
                log.warning("a record of live-aggregates cannot be read", extra={"error": str(refusal)})
                continue
            if schema.name == "live_aggregate":
                self._board.merge(partial)

    async def _check_connection(self, consumer: AIOKafkaConsumer) -> None:
        """aiokafka waits silently for a broker that is gone; the page should say so."""
        connections = [connection.connected() for connection in consumer._client._conns.values()]
        connected = any(connections)
        if connected != self.connected:
            self.connected = connected
            self._changed()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """All partitions of the topic; waits until it exists."""
    while True:
        await consumer._client.add_topic(topic)
        await consumer._client.force_metadata_update()
        if found := consumer.partitions_for_topic(topic):
            return [TopicPartition(topic, partition) for partition in sorted(found)]
        await asyncio.sleep(_PAUSE_SECONDS)
