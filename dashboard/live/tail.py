"""The live feed: while somebody looks, the end of `events` is read, a sample shown, and the rest counted."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from avro_schemas import topic
from dashboard.live.feed import events, sampled
from dashboard.live.snapshot import Json
from service_kit.kafka import KafkaSettings

log = logging.getLogger(__name__)

_PACE_SECONDS = 0.25
# Further behind than this the feed jumps to the end: it shows now, and is no place to catch up.
_MAX_BEHIND = 500
# Somebody who reloads the page finds the feed still open.
_LINGER_SECONDS = 10.0


class Tail:
    """Reads only while `watched` says so; `show` gets entries and how many were not shown."""

    def __init__(
        self, kafka: KafkaSettings, *, watched: Callable[[], bool], show: Callable[[Sequence[Json], int], None]
    ) -> None:
        self._kafka, self._watched, self._show = kafka, watched, show
        self._positions: dict[TopicPartition, int] = {}

    async def run(self) -> None:
        """Read whenever there are viewers, for ever."""
        while True:
            if self._watched():
                try:
                    await self._read()
                except (KafkaError, OSError, TimeoutError) as error:
                    log.warning("the feed cannot be read", extra={"error": repr(error)})
            await asyncio.sleep(_PACE_SECONDS)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            self._kafka.name(topic.EVENTS),
            **self._kafka.client_options(),
            client_id="footfall-dashboard",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=250,
        )
        await consumer.start()
        try:
            await consumer.seek_to_end()
            self._positions = {tp: await consumer.position(tp) for tp in consumer.assignment()}
            watched_at = time.monotonic()
            while time.monotonic() - watched_at < _LINGER_SECONDS:
                await self._show_next(consumer)
                if self._watched():
                    watched_at = time.monotonic()
                await asyncio.sleep(_PACE_SECONDS)
        finally:
            await consumer.stop()

    async def _show_next(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=250, max_records=_MAX_BEHIND)
        for tp in self._positions:
            if (consumer.highwater(tp) or 0) - await consumer.position(tp) > _MAX_BEHIND:
                await consumer.seek_to_end(tp)
        passed = await self._passed(consumer)
        if passed:
            entries = events(sampled(record for records in fetched.values() for record in records))
            self._show(entries, passed - len(entries))

    async def _passed(self, consumer: AIOKafkaConsumer) -> int:
        """Offsets gone by since the last call."""
        now = {tp: await consumer.position(tp) for tp in self._positions}
        passed: int = sum(now[tp] - before for tp, before in self._positions.items())
        self._positions = now
        return passed
