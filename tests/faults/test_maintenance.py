"""Maintenance jobs that are killed at named points: the next one continues, and no query ever sees a row twice or
not at all."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from service_kit.retention import RetentionSettings
from sinks.audit import audit
from sinks.postgres.store import PostgresStore
from tests.support.days import Landed

pytestmark = [pytest.mark.faults, pytest.mark.integration]

TODAY = datetime.now(UTC).date()
RETENTION_DAYS = RetentionSettings().retention_days

POINTS = [
    (point, when, count)
    for when in ("before", "after")
    for point, count in (
        ("sinks.retention.rollups:fold", 1),
        ("sinks.retention.maintenance:set_state", 2),
        ("sinks.retention.rollups:audit", 2),
        ("sinks.retention.maintenance:detach", 1),
        ("sinks.retention.maintenance:drop", 1),
        ("sinks.retention.packing:_unpack_small_blocks", 1),
        ("sinks.retention.packing:add_packed", 2),
        ("sinks.retention.maintenance:_reclaim_space", 1),
    )
]


def maintain(dsn: str, *point: str) -> int:
    """Run `python -m sinks maintain`, killed at a point if one is given. Return its exit code."""
    run = ["sinks", "maintain"] if not point else ["tests.support.kill_points", "sinks maintain", *point]
    environ = {"FOOTFALL_POSTGRES_DSN": dsn, "PATH": os.environ["PATH"]}
    return subprocess.run([sys.executable, "-m", *run], env=environ, check=False, timeout=60).returncode


def rows_by_age(connection: psycopg.Connection) -> dict[int, int]:
    found = connection.execute("select %s - day, count(*) from events group by 1", [TODAY]).fetchall()
    return dict(found)


def test_maintenance_that_is_killed_is_finished_by_the_next_round(
    store: PostgresStore, connection: psycopg.Connection, postgres: str
) -> None:
    landed, expected = Landed(store), {}
    for number, (point, when, count) in enumerate(POINTS):
        # Each round has a day to pack and one to drop, in addition to what the last one left unfinished.
        landed.on(TODAY - timedelta(days=10 + number), *["click"] * 20)
        landed.on(TODAY - timedelta(days=RETENTION_DAYS + 1 + number), *["click"] * 7)
        expected[10 + number] = 20
        assert maintain(postgres, point, when, str(count)) == -signal.SIGKILL, (point, when)
        seen = rows_by_age(connection)
        assert {age: rows for age, rows in seen.items() if age <= RETENTION_DAYS} == expected, (point, when)
        assert {rows for age, rows in seen.items() if age > RETENTION_DAYS} <= {7}
        assert audit(connection).mismatches() == [], (point, when)
    assert maintain(postgres) == 0
    assert rows_by_age(connection) == expected
    assert audit(connection).mismatches() == []
