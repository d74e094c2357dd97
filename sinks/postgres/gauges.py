"""Gauges that no batch can set: partitions created ahead, unaccounted records, days, maintenance, size."""

import logging
import threading
from datetime import UTC, datetime
from typing import get_args

import psycopg

from service_kit.background import BackgroundThread
from service_kit.postgres import PostgresSettings
from sinks import metrics
from sinks.audit import partition_accounts
from sinks.connect import connect
from sinks.retention.lifecycle import State
from sinks.retention.partitions import attached_days, days_ahead
from sinks.sql import read_statements

_SQL = read_statements(__name__)

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
# These numbers are not worth more of Postgres's time than that.
_SETTINGS = {"statement_timeout": "10s"}


class DatabaseGauges:
    """A daemon thread with a connection of its own: it neither waits for landing nor delays it."""

    def __init__(self, where: PostgresSettings, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._where, self._interval_seconds = where, interval_seconds
        self._stopping = threading.Event()
        self._thread = BackgroundThread("the gauges of the database", self._run)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait for its end."""
        self._thread.stop_expected()
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with connect(self._where, "footfall-gauges", _SETTINGS) as connection:
                    update_gauges(connection)
            except psycopg.Error as error:
                # Landing logs that Postgres is unavailable; the time of the last check says how old these gauges
                # are.
                log.debug("the gauges of the database cannot be updated", extra={"error": str(error)})
            except Exception:  # nobody else would start it again, and landing needs no gauges
                log.exception("the gauges of the database cannot be updated")
            self._stopping.wait(self._interval_seconds)


def update_gauges(connection: psycopg.Connection) -> None:
    """Set the gauges from the database as it is now."""
    metrics.POSTGRES_DAYS_AHEAD.set(days_ahead(attached_days(connection), datetime.now(UTC).date()))
    metrics.POSTGRES_UNACCOUNTED.set(sum(abs(account.unexplained) for account in partition_accounts(connection)))
    counts: dict[str, int] = dict(connection.execute(_SQL["days_by_state"]).fetchall())
    # All states, so that one without days goes back to 0.
    for state in get_args(State):
        metrics.POSTGRES_DAYS.labels(state).set(counts.get(state, 0))
    dead_letters, erasures, maintained, size = connection.execute(_SQL["totals"]).fetchone() or (0, 0, 0, 0)
    metrics.POSTGRES_DEAD_LETTERS.set(dead_letters)
    metrics.POSTGRES_PENDING_ERASURES.set(erasures)
    metrics.POSTGRES_MAINTAINED.set(maintained)
    metrics.POSTGRES_BYTES.set(size)
    pending, differing, visits, identities = connection.execute(_SQL["visits"]).fetchone() or (0, 0, 0, 0)
    metrics.POSTGRES_VISITS_PENDING.set(pending)
    metrics.POSTGRES_VISITS_DIFFERING.set(differing)
    metrics.POSTGRES_VISITS_UNPUBLISHED.labels("visits").set(visits)
    metrics.POSTGRES_VISITS_UNPUBLISHED.labels("identities").set(identities)
    metrics.POSTGRES_CHECKED.set_to_current_time()
