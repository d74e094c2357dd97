"""Maintenance killed with -9 at named points, as its job runs it: the next one finishes what was begun, and nobody
ever sees a row twice or not at all."""

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
        ("sinks.retention.maintenance:note", 2),
        ("sinks.retention.rollups:audit", 2),
        ("sinks.retention.maintenance:detach", 1),
        ("sinks.retention.maintenance:drop", 1),
        ("sinks.retention.packing:_loosen", 1),
        ("sinks.retention.packing:add_packed", 2),
        ("sinks.retention.maintenance:_give_back", 1),
    )
]


def maintain(dsn: str, *point: str) -> int:
    """`python -m sinks maintain`, killed at a point if there is one; its exit code."""
    run = ["sinks", "maintain"] if not point else ["tests.support.kill_points", "sinks maintain", *point]
    environ = {"FOOTFALL_POSTGRES_DSN": dsn, "PATH": os.environ["PATH"]}
    return subprocess.run([sys.executable, "-m", *run], env=environ, check=False, timeout=60).returncode


def rows_by_age(connection: psycopg.Connection) -> dict[int, int]:
    found = connection.execute("select %s - day, count(*) from events group by 1", [TODAY]).fetchall()
    return dict(found)


def test_maintenance_killed_anywhere_is_finished_by_the_next(
    store: PostgresStore, connection: psycopg.Connection, postgres: str
) -> None:
    landed, kept = Landed(store), {}
    for number, (point, when, count) in enumerate(POINTS):
        # Each finds a day to be packed and one to be dropped, besides what the last one left.
        landed.on(TODAY - timedelta(days=10 + number), *["click"] * 20)
        landed.on(TODAY - timedelta(days=RETENTION_DAYS + 1 + number), *["click"] * 7)
        kept[10 + number] = 20
        assert maintain(postgres, point, when, str(count)) == -signal.SIGKILL, (point, when)
        seen = rows_by_age(connection)
        assert {age: rows for age, rows in seen.items() if age <= RETENTION_DAYS} == kept, (point, when)
        assert {rows for age, rows in seen.items() if age > RETENTION_DAYS} <= {7}
        assert audit(connection).faults() == [], (point, when)
    assert maintain(postgres) == 0
    assert rows_by_age(connection) == kept
    assert audit(connection).faults() == []
