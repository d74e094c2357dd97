"""The canary: an event of our own through the collector's door, timed until its row is there.

It goes the way of every event: HTTP, Kafka, these sinks. So it notices what no part alone can: a route that leads
nowhere, a topic that nobody lands. One process at a time sends it, whichever holds the lock.
"""

import asyncio
import contextlib
import logging
import os
import time
import urllib.request
from dataclasses import dataclass
from uuid import UUID

import orjson
import psycopg

from avro_schemas import event_ids
from sinks import metrics

log = logging.getLogger(__name__)

EVENT_TYPE = "footfall_canary"
KEPT = "2 days"
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.05
# Any number, the same in every process of ours.
_LOCK = 0x63616E617279


@dataclass(frozen=True, slots=True)
class Door:
    """The collector's address, and our key in its FOOTFALL_BACKEND_KEYS; none where it trusts its loopback."""

    url: str
    key: str | None

    def send(self, event_id: str) -> None:
        """Post the event. Raise OSError where it is not accepted."""
        event = {"event_type": EVENT_TYPE, "event_data": {}, "event_id": event_id}
        headers = {"Content-Type": "application/json", "User-Agent": "footfall-canary"}
        headers |= {"Footfall-Key": self.key} if self.key else {}
        request = urllib.request.Request(f"{self.url}/api/analytics/collect", orjson.dumps(event), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()


class Canary:
    """Sends one event after another, and notes in Postgres and in the metrics what became of it."""

    def __init__(self, door: Door, dsn: str, seconds: float) -> None:
        self._door, self._dsn, self._seconds = door, dsn, seconds
        self._connection: psycopg.Connection | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until told to stop."""
        while not stopping.is_set():
            try:
                if await asyncio.to_thread(self._is_ours):
                    await self._time_one(stopping)
            except psycopg.Error as error:
                log.warning("no canary without Postgres", extra={"error": str(error)})
                metrics.CANARY_FAILURES.labels("postgres").inc()
                await asyncio.to_thread(self._close)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._seconds)
        await asyncio.to_thread(self._close)

    async def _time_one(self, stopping: asyncio.Event) -> None:
        event_id = event_ids.generate(time.time_ns() // 1_000_000, os.urandom(event_ids.RANDOM_BYTES))
        uuid, started = event_ids.to_uuid(event_id), time.monotonic()
        await asyncio.to_thread(self._note_sent, uuid)
        try:
            await asyncio.to_thread(self._door.send, event_id)
        except OSError as error:
            await self._fail(uuid, "collector", f"the collector did not take it: {error}")
            return
        while time.monotonic() - started < _PATIENCE_SECONDS and not stopping.is_set():
            if await asyncio.to_thread(self._note_landed, uuid):
                metrics.CANARY_SECONDS.observe(time.monotonic() - started)
                metrics.CANARY_LANDED_AT.set_to_current_time()
                return
            await asyncio.sleep(_LOOK_SECONDS)
        if not stopping.is_set():
            await self._fail(uuid, "landing", f"it was accepted, and has no row after {_PATIENCE_SECONDS:.0f} s")

    async def _fail(self, uuid: UUID, stage: str, what: str) -> None:
        log.error("the canary did not arrive", extra={"what": what})
        metrics.CANARY_FAILURES.labels(stage).inc()
        await asyncio.to_thread(self._execute, "update canaries set failure = %s where event_id = %s", what, uuid)

    def _is_ours(self) -> bool:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=5,
                options="-c statement_timeout=5s",
                application_name="footfall-canary",
            )
            (ours,) = self._connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone() or (False,)
            if not ours:
                self._close()
        return self._connection is not None

    def _note_sent(self, uuid: UUID) -> None:
        self._execute(f"delete from canaries where sent_at < now() - interval '{KEPT}'")
        self._execute("insert into canaries (event_id, sent_at) values (%s, now())", uuid)

    def _note_landed(self, uuid: UUID) -> bool:
        landed = (
            "update canaries set landed_at = clock_timestamp() where event_id = %s"
            " and exists (select from raw_events where event_id = %s)"
        )
        return self._execute(landed, uuid, uuid) == 1

    def _execute(self, statement: str, *values: object) -> int:
        assert self._connection
        return self._connection.execute(statement.encode(), values).rowcount

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
