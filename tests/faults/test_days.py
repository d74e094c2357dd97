"""A site lives through many days while others read and write: the sums are right at any moment, nobody waits, and the
database stays bounded. `make days` runs 120 days, with the `DAYS`, `EVENTS` per day and `RETENTION_DAYS` of production."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from random import Random

import psycopg
import pytest

from service_kit.retention import RetentionSettings
from sinks.postgres.store import PostgresStore
from tests.support.site_model import Site

log = logging.getLogger(__name__)

DAYS = int(os.environ.get("DAYS", "26"))
EVENTS = int(os.environ.get("EVENTS", "150"))
RETENTION = RetentionSettings(
    retention_days=int(os.environ.get("RETENTION_DAYS", "16")),
    pack_after_days=int(os.environ.get("PACK_AFTER_DAYS", "3")),
)
USERS, WEEK = 40, 7
# `make days` measures the longest wait, and reads all the time. Else a wait of a second is all that has to be seen.
MEASURES = "DAYS" in os.environ
FIRST = date(2026, 1, 1)

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(7200)]

# Days that do not add up in a snapshot. Not those that are being detached: their rows are counted when dropped.
DAYS_THAT_DIFFER = """
select landed.day, landed.events, there.rows, erased.rows, days.state
from (select day, sum(events)::bigint as events from events_daily group by 1) as landed
left join (select day, count(*) as rows from events group by 1) as there using (day)
left join (select day, sum(rows)::bigint as rows from erased_rows group by 1) as erased using (day)
left join days using (day)
where coalesce(days.state, 'open') not in ('detaching', 'detached')
    and landed.events <> coalesce(there.rows, 0) + coalesce(erased.rows, 0) + coalesce(days.dropped, 0)
"""
# The longest wait for a lock, except for maintenance itself, which gives up soon.
WAITING = """
select coalesce(max(extract(epoch from clock_timestamp() - waitstart)), 0)::float from pg_locks
where not granted and pid <> %s
"""


def test_days_go_by_and_everything_adds_up_at_any_moment(
    store: PostgresStore, connection: psycopg.Connection, postgres: str
) -> None:
    site, chance, sizes = Site(store, connection, FIRST, RETENTION), Random(1), list[int]()
    # As when a sink starts: a query that was planned before a partition existed does not see its first rows.
    assert site.maintain() == []
    with Observers(postgres, connection.info.backend_pid).running() as observers:
        for number in range(DAYS):
            _day(site, chance, number)
            if number % 3 == 0:
                site.maintain_interrupted(chance)
            assert site.maintain() == []
            sizes.append(_bytes(connection))
            site.today += timedelta(days=1)
    assert observers.failures == []
    # The other reader may have kept a day from being dropped until now.
    assert site.maintain() == []
    assert site.mismatches() == []
    states = connection.execute("select state, count(*) from days group by 1 order by 1").fetchall()
    log.info(
        "%d reads, the longest wait %.3f s, %s, database %s",
        observers.reads,
        observers.max_wait,
        states,
        sizes[-1],
    )
    assert observers.reads > DAYS / 2
    assert observers.max_wait < 1  # the figure in the docs is 0.1; a busy machine is slower
    # From the day on which the first day is dropped, new rows take the space of old ones.
    assert sizes[-1] < 1.25 * sizes[RETENTION.retention_days + 5]


def _day(site: Site, chance: Random, number: int) -> None:
    """Events, a few late ones, some repeated ones, and now and then an erasure."""
    site.send(site.today, EVENTS, USERS, chance)
    for late in (1, 4, 9):
        if number > late and number % late == 0:
            site.send(site.today - timedelta(days=late), 5, USERS, chance)
    if number % 2:
        site.send_again(WEEK * 2, EVENTS // 5, chance)
    if number % 5 == 4:
        site.erase(f"user-{chance.randrange(USERS)}")


def _bytes(connection: psycopg.Connection) -> int:
    (size,) = connection.execute("select pg_database_size(current_database())").fetchone() or (0,)
    return int(size)


class Observers:
    """One thread adds up all days again and again, another watches for waits for locks."""

    def __init__(self, dsn: str, maintenance_pid: int) -> None:
        self._dsn, self._maintenance = dsn, maintenance_pid
        self._ended = threading.Event()
        self.failures = list[object]()
        self.reads, self.max_wait = 0, 0.0

    @contextmanager
    def running(self) -> Iterator["Observers"]:
        threads = [threading.Thread(target=self._loop, args=(what,)) for what in (self._add_up, self._watch_locks)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _loop(self, what: Callable[[psycopg.Connection], None]) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                while not self._ended.is_set():
                    what(connection)
        except psycopg.Error as error:
            self.failures.append(error)

    def _add_up(self, connection: psycopg.Connection) -> None:
        started = time.monotonic()
        self.failures += connection.execute(DAYS_THAT_DIFFER).fetchall()
        self.reads += 1
        self._ended.wait(0 if MEASURES else time.monotonic() - started)

    def _watch_locks(self, connection: psycopg.Connection) -> None:
        (seconds,) = connection.execute(WAITING, [self._maintenance]).fetchone() or (0.0,)
        self.max_wait = max(self.max_wait, seconds)
        self._ended.wait(0.005 if MEASURES else 0.05)
