"""Polls the health of Kafka and Postgres every few seconds, whether they answer or not."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import psycopg
from aiokafka.errors import KafkaError

from avro_schemas import topic
from dashboard.health.lag import LagMeter, Offsets
from dashboard.health.pipeline import MAX_DEAD_LETTERS, PipelineHealth, StorageHealth
from dashboard.sql import Database, queries
from service_kit.background import is_cancelled
from service_kit.kafka.refusals import described
from service_kit.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

_INTERVAL_SECONDS = 5.0


class LandedOffsets:
    """How far the sinks are, by Postgres. While it does not answer, nothing lands: what it said last holds."""

    def __init__(self, database: Database | None, events_topic: str) -> None:
        self._database, self._topic = database, events_topic
        self._known: Offsets = {}

    async def read(self) -> Offsets:
        """By partition, the first offset that has not landed; empty while that is not known."""
        if self._database:
            # `poll_postgres` says that it does not answer, or has no tables yet.
            with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
                async with self._database.reading() as connection:
                    cursor = await connection.execute(queries["landed_offsets"], {"topic": self._topic})
                    self._known = dict(await cursor.fetchall())
        return self._known


async def poll_kafka(
    kafka: KafkaSettings, health: PipelineHealth, counted: Callable[[], Offsets], database: Database | None
) -> None:
    """Measure the lags for ever; `counted`: how far the stream app is."""
    landed = LandedOffsets(database, kafka.name(topic.EVENTS))
    while not is_cancelled():
        meter = LagMeter(kafka, counted, landed.read)
        try:
            await meter.start()
            while True:
                health.set_lags(await meter.lags())
                await asyncio.sleep(_INTERVAL_SECONDS)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("the lags cannot be measured", extra={"error": described(error)})
            health.set_kafka_unavailable()
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await meter.stop()
        await asyncio.sleep(_INTERVAL_SECONDS)


async def poll_postgres(database: Database, health: PipelineHealth) -> None:
    """Query the health of what is stored for ever."""
    while not is_cancelled():
        try:
            async with database.reading() as connection:
                params = {"max_dead_letters": MAX_DEAD_LETTERS}
                cursor = await connection.execute(queries["storage_health"], params)
                row = await cursor.fetchone()
            health.set_storage(StorageHealth(*(row or ())))
        except psycopg.errors.UndefinedTable:
            health.set_postgres_unavailable("Postgres has no tables of the sinks, or those of an older release")
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.warning("Postgres is unavailable", extra={"error": repr(error)})
            health.set_postgres_unavailable("Postgres is unavailable")
        await asyncio.sleep(_INTERVAL_SECONDS)
