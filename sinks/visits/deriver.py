"""Derives visits while the process lands events: a thread with a connection of its own.

Every process has one; a lock lets one of them work at a time. Its failures delay visits and not the landing.
"""

import logging
import threading
from datetime import timedelta

import psycopg

from service_kit.background import BackgroundThread
from service_kit.postgres import PostgresSettings
from sinks import metrics
from sinks.connect import connect
from sinks.visits.derive import MAX_EVENTS, Step, step
from sinks.visits.queue import behind_seconds, use_gap

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 5.0
# Larger steps cost less, as they touch a visit once. So it waits longer between them where much lands.
_MUCH, _MUCH_SECONDS = 10_000, 20.0
SETTINGS = {
    "statement_timeout": "300s",
    "lock_timeout": "5s",
    # Compiling a plan takes longer than a step.
    "jit": "off",
    # A crash takes back the queue as well.
    "synchronous_commit": "off",
    # A step sorts its events; on disk that takes three times as long.
    "work_mem": "64MB",
    "temp_buffers": "64MB",
}


class Deriver:
    """A daemon thread that derives until it is stopped."""

    def __init__(
        self, where: PostgresSettings, gap: timedelta, *, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._where, self._gap, self._interval_seconds = where, gap, interval_seconds
        self._stopping = threading.Event()
        self._thread = BackgroundThread("visits", self._run)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further step. One that is going on may be interrupted anywhere."""
        self._thread.stop_expected()
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._derive()
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
                pass  # landing is still migrating the database
            except psycopg.Error as error:
                metrics.VISITS_FAILURES.inc()
                log.warning("visits are derived later", extra={"error": str(error)})
            except Exception:  # landing needs no visits
                metrics.VISITS_FAILURES.inc()
                log.exception("visits are derived later")
            self._stopping.wait(self._interval_seconds)

    def _derive(self) -> None:
        with connect(self._where, "footfall-visits", SETTINGS) as connection:
            if use_gap(connection, self._gap):
                log.info("visits are derived from all rows, newest first", extra={"gap": str(self._gap)})
            while not self._stopping.is_set():
                done = step(connection)
                metrics.VISITS_BEHIND_SECONDS.set(behind_seconds(connection))
                if done.entries:
                    metrics.VISITS_EVENTS.inc(done.events)
                    metrics.VISITS_STEP_SECONDS.observe(done.seconds)
                self._stopping.wait(self._pause_after(done))

    def _pause_after(self, done: Step) -> float:
        if done.rereading or done.events >= MAX_EVENTS:
            return 0.0  # there is more
        return _MUCH_SECONDS if done.events > _MUCH else self._interval_seconds
