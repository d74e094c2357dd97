"""Asks the database once a minute for what no batch can tell: partitions ahead, gaps, maintenance, size."""

import logging
import threading
from datetime import UTC, datetime
from typing import get_args

import psycopg

from sinks import metrics
from sinks.audit import partition_accounts
from sinks.retention.lifecycle import State
from sinks.retention.partitions import attached_days, days_ahead

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
_STATES = get_args(State)
_NUMBERS = """
select
    (select count(*) from dead_letters),
    (select count(*) from erasures where finished_at is null),
    (select coalesce(extract(epoch from finished_at), 0) from maintained),
    pg_database_size(current_database())
"""


class Watch:
    """A daemon thread with a connection of its own, so that it neither waits for landing nor delays it."""

    def __init__(self, dsn: str, *, every: float = EVERY_SECONDS) -> None:
        self._dsn, self._every = dsn, every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(
                    self._dsn, autocommit=True, connect_timeout=5, application_name="footfall-watch"
                ) as connection:
                    connection.execute("set statement_timeout = '10s'")
                    look(connection)
            except psycopg.Error as error:
                # The landing tells that Postgres is away; these gauges then say how old they are.
                log.debug("the database cannot be asked", extra={"error": str(error)})
            self._stopping.wait(self._every)


def look(connection: psycopg.Connection) -> None:
    """Set the gauges from the database as it is now."""
    metrics.POSTGRES_DAYS_AHEAD.set(days_ahead(attached_days(connection), datetime.now(UTC).date()))
    metrics.POSTGRES_UNACCOUNTED.set(sum(abs(account.unexplained) for account in partition_accounts(connection)))
    counted: dict[str, int] = dict(connection.execute("select state, count(*) from days group by 1").fetchall())
    for state in _STATES:
        metrics.POSTGRES_DAYS.labels(state).set(counted.get(state, 0))
    letters, erasures, maintained, size = connection.execute(_NUMBERS).fetchone() or (0, 0, 0, 0)
    metrics.POSTGRES_DEAD_LETTERS.set(letters)
    metrics.POSTGRES_PENDING_ERASURES.set(erasures)
    metrics.POSTGRES_MAINTAINED.set(maintained)
    metrics.POSTGRES_BYTES.set(size)
    metrics.POSTGRES_CHECKED.set_to_current_time()
