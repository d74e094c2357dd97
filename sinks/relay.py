"""A relay publishes what waits in an outbox in Postgres to a topic, at least once.

What is to be published is stored in the transaction that decided it, so it is safe whether or not Kafka is
available. Every process runs each relay; a lock in Postgres lets one of them publish at a time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import psycopg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from psycopg import sql

from service_kit.kafka.record_batches import BATCH_BYTES
from service_kit.kafka.refusals import described
from service_kit.kafka.settings import KafkaSettings
from service_kit.postgres import PostgresSettings
from sinks.connect import connect
from sinks.locks import lock_key

log = logging.getLogger(__name__)

POLL_SECONDS, _RETRY_SECONDS = 1.0, 5.0
_SETTINGS: Mapping[str, str] = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    # Landing does not wait for the disk when it commits. What a relay publishes must be there after a crash: its
    # own commits wait, for all that was written before them.
    "synchronous_commit": "on",
}


class LockedConnection:
    """A connection that only one process has at a time: the one that holds an advisory lock.

    The lock belongs to the connection: when that breaks, another process may take over.
    """

    def __init__(self, where: PostgresSettings, lock: str) -> None:
        self._where, self._lock = where, lock
        self._connection: psycopg.Connection | None = None
        self._locked = False

    def get(self) -> psycopg.Connection | None:
        """The connection; None while another process has it."""
        if self._connection is None or self._connection.closed:
            self._locked = False
            self._connection = connect(self._where, "footfall-relay", _SETTINGS)
        if not self._locked:
            lock = sql.SQL("select pg_try_advisory_lock({})").format(lock_key(self._lock))
            (self._locked,) = self._connection.execute(lock).fetchone() or (False,)
        return self._connection if self._locked else None

    def close(self) -> None:
        """Close the connection, which releases the lock."""
        connection, self._connection, self._locked = self._connection, None, False
        if connection is not None:
            connection.close()


async def relay(
    kafka: KafkaSettings,
    publish: Callable[[Any], Awaitable[int]],
    close: Callable[[], None],
    stopping: asyncio.Event,
    what: str,
) -> None:
    """Call `publish` with a producer until `stopping` is set; at once again if it published some.

    While Kafka or Postgres is unavailable, what is in the outbox stays there.
    """
    while not stopping.is_set():
        try:
            options = {**kafka.client_options(), "acks": "all", "max_batch_size": BATCH_BYTES}
            async with AIOKafkaProducer(**options) as producer:
                while not stopping.is_set():
                    await _wait(stopping, 0 if await publish(producer) else POLL_SECONDS)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            await _wait(stopping, POLL_SECONDS)  # landing is still migrating the database
        except (psycopg.Error, KafkaError, OSError) as error:
            log.warning("%s stay pending in Postgres", what, extra={"error": described(error)})
            await _wait(stopping, _RETRY_SECONDS)
        except Exception:  # it can wait, and must not end the landing
            log.exception("%s stay pending in Postgres", what)
            await _wait(stopping, _RETRY_SECONDS)
        finally:
            await asyncio.to_thread(close)


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
