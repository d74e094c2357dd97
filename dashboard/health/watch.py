"""Asks Kafka and Postgres every few seconds how they are, and goes on asking when they do not answer."""

import asyncio
import contextlib
import logging

import psycopg
from aiokafka.errors import KafkaError

from dashboard.health.lag import LagMeter
from dashboard.health.pipeline import MAX_DEAD_LETTERS, Pipeline, Stored
from dashboard.sql import Database, queries
from service_kit.kafka import KafkaSettings

log = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0


async def watch_kafka(kafka: KafkaSettings, pipeline: Pipeline) -> None:
    """Ask for the lags for ever."""
    while True:
        meter = LagMeter(kafka)
        try:
            await meter.start()
            while True:
                pipeline.took_lags(await meter.lags())
                await asyncio.sleep(_EVERY_SECONDS)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("the lags cannot be asked", extra={"error": repr(error)})
            pipeline.lost_kafka()
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await meter.stop()
        await asyncio.sleep(_EVERY_SECONDS)


async def watch_postgres(database: Database, pipeline: Pipeline) -> None:
    """Ask what is stored for ever."""
    while True:
        try:
            async with database.reading() as connection:
                cursor = await connection.execute(queries["stored"], {"max_letters": MAX_DEAD_LETTERS})
                row = await cursor.fetchone()
            pipeline.took_stored(Stored(*(row or ())))
        except psycopg.errors.UndefinedTable:
            pipeline.lost_postgres("The tables of the sinks are not there, or of an older release")
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.warning("Postgres cannot be asked", extra={"error": repr(error)})
            pipeline.lost_postgres("Postgres does not answer")
        await asyncio.sleep(_EVERY_SECONDS)
