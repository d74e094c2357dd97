"""The canary: a synthetic event, sent through the collector and timed until its row is in Postgres.

It takes the way of every event: HTTP, Kafka, these sinks. So it finds what no component can find alone: a route
that leads nowhere, a topic that nobody lands. Only the process that holds the lock sends it.
"""

import asyncio
import contextlib
import logging
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from uuid import UUID

import orjson
import psycopg
from psycopg import sql

from avro_schemas import event_ids
from service_kit.postgres import PostgresSettings
from sinks import metrics
from sinks.connect import connect
from sinks.locks import lock_key
from sinks.sql import read_statements

log = logging.getLogger(__name__)

EVENT_TYPE = "footfall_canary"
_RETENTION = "2 days"
_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.05
_TRY = sql.SQL("select pg_try_advisory_lock({})").format(lock_key("canary"))
_SQL = read_statements(__name__)


@dataclass(frozen=True, slots=True)
class CollectorClient:
    """The collector's URL, and our key in its FOOTFALL_BACKEND_KEYS; None if it trusts loopback."""

    url: str
    key: str | None

    def send(self, event_id: str) -> None:
        """Post a canary. Raise OSError or HTTPException unless it is accepted."""
        event = {"event_type": EVENT_TYPE, "event_data": {}, "event_id": event_id}
        headers = {"Content-Type": "application/json", "User-Agent": "footfall-canary"}
        headers |= {"Footfall-Key": self.key} if self.key else {}
        request = urllib.request.Request(f"{self.url}/api/analytics/collect", orjson.dumps(event), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                response.read()
        except urllib.error.HTTPError as error:
            error.close()
            raise


class Canary:
    """Sends one canary after another, and reports each in Postgres and in the metrics."""

    def __init__(self, collector: CollectorClient, where: PostgresSettings, interval_seconds: float) -> None:
        self._collector, self._where, self._interval_seconds = collector, where, interval_seconds
        self._connection: psycopg.Connection | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Send canaries until `stopping` is set."""
        while not stopping.is_set():
            try:
                if await asyncio.to_thread(self._lock):
                    await self._send_and_time(stopping)
            except psycopg.Error as error:
                log.warning("no canary is sent while Postgres is unavailable", extra={"error": str(error)})
                metrics.CANARY_FAILURES.labels("postgres").inc()
                await asyncio.to_thread(self._close)
            except Exception:  # a canary that fails must not end the landing
                log.exception("the canary failed")
                await asyncio.to_thread(self._close)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._interval_seconds)
        await asyncio.to_thread(self._close)

    async def _send_and_time(self, stopping: asyncio.Event) -> None:
        event_id = event_ids.generate(time.time_ns() // 1_000_000, os.urandom(event_ids.RANDOM_BYTES))
        uuid, started = event_ids.to_uuid(event_id), time.monotonic()
        await asyncio.to_thread(self._note_sent, uuid)
        try:
            await asyncio.to_thread(self._collector.send, event_id)
        except (OSError, HTTPException) as error:
            await self._fail(uuid, "collector", f"the collector did not accept it: {error}")
            return
        while time.monotonic() - started < _TIMEOUT_SECONDS and not stopping.is_set():
            if await asyncio.to_thread(self._note_landed, uuid):
                metrics.CANARY_SECONDS.observe(time.monotonic() - started)
                metrics.CANARY_LANDED_AT.set_to_current_time()
                return
            await asyncio.sleep(_POLL_SECONDS)
        if not stopping.is_set():
            await self._fail(uuid, "landing", f"it was accepted, but has no row after {_TIMEOUT_SECONDS:.0f} s")

    async def _fail(self, uuid: UUID, stage: str, failure: str) -> None:
        log.error("the canary did not arrive", extra={"failure": failure})
        metrics.CANARY_FAILURES.labels(stage).inc()
        await asyncio.to_thread(self._execute, "mark_failed", event_id=uuid, failure=failure)

    def _lock(self) -> bool:
        """Whether this process sends canaries. The lock belongs to the connection."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._where, "footfall-canary", {"statement_timeout": "5s"})
            (locked,) = self._connection.execute(_TRY).fetchone() or (False,)
            if not locked:
                self._close()
        return self._connection is not None

    def _note_sent(self, uuid: UUID) -> None:
        self._execute("delete_old", retention=_RETENTION)
        self._execute("insert", event_id=uuid)

    def _note_landed(self, uuid: UUID) -> bool:
        return self._execute("mark_landed", event_id=uuid) == 1

    def _execute(self, statement: str, **parameters: object) -> int:
        """Run a statement and return how many rows it touched."""
        assert self._connection
        return self._connection.execute(_SQL[statement], parameters).rowcount

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
