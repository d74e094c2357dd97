"""Reads the end of `events` for the feed while the page has viewers: sends a sample and counts the rest."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from avro_schemas import topic
from dashboard.live.feed import event_entries, sampled
from dashboard.live.snapshot import Json
from service_kit.background import is_cancelled
from service_kit.kafka.consumer import fetch_readable, new_consumer
from service_kit.kafka.refusals import described
from service_kit.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

_INTERVAL_SECONDS = 0.25
_RETRY_SECONDS = 2.0
# With more lag than this the feed skips to the end: it shows what happens now, and does not catch up.
_MAX_LAG = 500
# Somebody who reloads the page finds the consumer still running.
_LINGER_SECONDS = 10.0


class FeedReader:
    """Reads while `has_viewers`, and passes entries and the number of skipped ones to `send`."""

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        has_viewers: Callable[[], bool],
        send: Callable[[Sequence[Json], int], None],
    ) -> None:
        self._kafka, self._has_viewers, self._send = kafka, has_viewers, send
        # Up to where records are sent or counted as skipped.
        self._positions: dict[TopicPartition, int] = {}

    async def run(self) -> None:
        """Read whenever there are viewers, for ever."""
        while not is_cancelled():
            if self._has_viewers():
                try:
                    await self._read()
                except (KafkaError, OSError, TimeoutError) as error:
                    log.warning("the feed cannot be read", extra={"error": described(error)})
                    await asyncio.sleep(_RETRY_SECONDS)
                except Exception:  # nobody else would start it again
                    log.exception("the feed failed")
                    await asyncio.sleep(_RETRY_SECONDS)
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def _read(self) -> None:
        consumer = new_consumer(
            self._kafka.name(topic.EVENTS),
            **self._kafka.client_options(),
            client_id="footfall-dashboard",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=250,
        )
        try:
            await consumer.start()
            await consumer.seek_to_end()
            self._positions = {tp: await consumer.position(tp) for tp in consumer.assignment()}
            viewed_at = time.monotonic()
            while time.monotonic() - viewed_at < _LINGER_SECONDS:
                await self._send_next(consumer)
                if self._has_viewers():
                    viewed_at = time.monotonic()
                await asyncio.sleep(_INTERVAL_SECONDS)
        finally:
            await consumer.stop()

    async def _send_next(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await fetch_readable(consumer, timeout_ms=250, max_records=_MAX_LAG)
        for tp in self._positions:
            if (consumer.highwater(tp) or 0) - await consumer.position(tp) > _MAX_LAG:
                await consumer.seek_to_end(tp)
        passed = await self._passed(consumer)
        if passed:
            entries = event_entries(sampled(record for records in fetched.values() for record in records))
            self._send(entries, passed - len(entries))

    async def _passed(self, consumer: AIOKafkaConsumer) -> int:
        """How many offsets were read or skipped since the last call."""
        positions = {tp: await consumer.position(tp) for tp in self._positions}
        passed: int = sum(positions[tp] - before for tp, before in self._positions.items())
        self._positions = positions
        return passed
