"""The relay: dead letters of the table become records of `events-rejected`, at least once each.

The table is the outbox: a letter is in it with its offset, whatever becomes of Kafka; here it follows to the
topic, for all who watch that. Whoever reads it twice tells by its source topic, partition and offset.
"""

import asyncio
import contextlib
import logging
import time

import psycopg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from avro_schemas import topic
from service_kit.kafka import KafkaSettings
from sinks import metrics
from sinks.dead_letters.outbox import Outbox
from sinks.dead_letters.record import headers, value

log = logging.getLogger(__name__)

_AT_ONCE = 500
_IDLE_SECONDS, _AWAY_SECONDS = 1.0, 5.0


class Relay:
    """Publishes what waits in the outbox. One process at a time does, whichever holds its lock."""

    def __init__(self, kafka: KafkaSettings, outbox: Outbox) -> None:
        self._kafka, self._outbox = kafka, outbox
        self._topic = kafka.name(topic.EVENTS_REJECTED)

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until told to stop. Kafka or Postgres away: the letters wait where they are."""
        while not stopping.is_set():
            try:
                async with AIOKafkaProducer(**self._kafka.client_options(), acks="all") as producer:
                    while not stopping.is_set():
                        published = await self._publish_some(producer)
                        await _wait(stopping, 0 if published == _AT_ONCE else _IDLE_SECONDS)
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
                await _wait(stopping, _IDLE_SECONDS)  # landing makes them
            except (psycopg.Error, KafkaError, OSError) as error:
                log.warning("dead letters wait in Postgres", extra={"error": repr(error)})
                await _wait(stopping, _AWAY_SECONDS)
            finally:
                await asyncio.to_thread(self._outbox.close)

    async def _publish_some(self, producer: AIOKafkaProducer) -> int:
        letters = await asyncio.to_thread(self._outbox.waiting, _AT_ONCE)
        now = time.time_ns() // 1_000_000
        sent = [
            await producer.send(self._topic, value(letter, now), key=letter.key, headers=headers(letter))
            for letter in letters
        ]
        await asyncio.gather(*sent)
        if letters:
            await asyncio.to_thread(self._outbox.published, [letter.id for letter in letters])
            metrics.DEAD_LETTERS_PUBLISHED.inc(len(letters))
        metrics.DEAD_LETTERS_PENDING.set(await asyncio.to_thread(self._outbox.backlog))
        return len(letters)


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
