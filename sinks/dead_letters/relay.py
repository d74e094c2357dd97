"""The relay publishes dead letters to `events-rejected`, each at least once.

The table is the outbox: a dead letter is stored in the transaction that moves its offset, so it is safe whether or
not Kafka is available, and is published from there. Readers recognize a second copy by its source topic, partition
and offset.
"""

import asyncio
import contextlib
import logging
import time

import psycopg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from avro_schemas import topic
from avro_schemas.rejected_event import bounded_key
from service_kit.kafka.settings import KafkaSettings
from sinks import metrics
from sinks.dead_letters.outbox import Outbox
from sinks.dead_letters.record import record_headers, record_value

log = logging.getLogger(__name__)

_MAX_BATCH = 500
_POLL_SECONDS, _RETRY_SECONDS = 1.0, 5.0


class Relay:
    """Publishes pending dead letters. Every process runs one; the outbox's lock lets one of them publish."""

    def __init__(self, kafka: KafkaSettings, outbox: Outbox) -> None:
        self._kafka, self._outbox = kafka, outbox
        self._topic = kafka.name(topic.EVENTS_REJECTED)

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set. While Kafka or Postgres is unavailable, dead letters stay pending."""
        while not stopping.is_set():
            try:
                async with AIOKafkaProducer(**self._kafka.client_options(), acks="all") as producer:
                    while not stopping.is_set():
                        published = await self._publish_batch(producer)
                        await _wait(stopping, 0 if published else _POLL_SECONDS)
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
                await _wait(stopping, _POLL_SECONDS)  # landing is still migrating the database
            except (psycopg.Error, KafkaError, OSError) as error:
                log.warning("dead letters stay pending in Postgres", extra={"error": repr(error)})
                await _wait(stopping, _RETRY_SECONDS)
            except Exception:  # dead letters can wait, and must not end the landing
                log.exception("dead letters stay pending in Postgres")
                await _wait(stopping, _RETRY_SECONDS)
            finally:
                await asyncio.to_thread(self._outbox.close)

    async def _publish_batch(self, producer: AIOKafkaProducer) -> int:
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


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
