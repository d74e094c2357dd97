"""Migrations and maintenance as jobs run them, and what doctor reports about Postgres."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from footfall.doctor.postgres import check_postgres
from service_kit.retention import RetentionSettings
from sinks import commands
from sinks.postgres.migrations import migrate
from tests.support.database import at

pytestmark = pytest.mark.integration


def sinks(dsn: str, *arguments: str) -> tuple[int, Sequence[str]]:
    """Run `python -m sinks …`. Return the exit code and the logged messages."""
    command = [sys.executable, "-m", "sinks", *arguments]
    ran = subprocess.run(
        command, env={"FOOTFALL_POSTGRES_DSN": dsn}, capture_output=True, text=True, check=False, timeout=60
    )
    return ran.returncode, [
        json.loads(line)["message"] for line in ran.stderr.splitlines() + ran.stdout.splitlines()
    ]


def test_one_job_migrates_others_check_for_it_and_one_maintains(empty_postgres: str) -> None:
    code, (message,) = sinks(empty_postgres, "migrate", "--check")
    assert code == 1
    assert "0001_events" in message
    assert sinks(empty_postgres, "maintain")[0] == 1
    code, messages = sinks(empty_postgres, "migrate")
    assert code == 0
    assert "applied migration 0001_events" in messages
    assert sinks(empty_postgres, "migrate", "--check", "--wait", "5") == (0, [])
    assert sinks(empty_postgres, "migrate") == (0, [])
    assert sinks(empty_postgres, "maintain")[0] == 0
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with psycopg.connect(empty_postgres, autocommit=True) as connection:
        assert connection.execute("select state from days where day = %s", [yesterday]).fetchone() == ("audited",)
        connection.execute("insert into event_types (name) values ('click')")
        connection.execute(
            "insert into hourly_deltas (hour, event_type, events) values (now() - interval '1 day', 1, 5)"
        )
    code, messages = sinks(empty_postgres, "maintain", "--dry-run")
    assert code == 0
    assert messages == []  # it was audited today
    with psycopg.connect(empty_postgres, autocommit=True) as connection:
        connection.execute("update days set audited_on = audited_on - 1")
    assert f"{yesterday}: would close" in sinks(empty_postgres, "maintain", "--dry-run")[1]
    code, messages = sinks(empty_postgres, "maintain")
    assert code == 1
    assert (
        f"{yesterday}: does not add up, so it will not be dropped: 0 rows, but 5 by its roll-up and erasures"
        in messages
    )


def test_doctor_names_the_version_what_is_missing_and_days_that_differ(empty_postgres: str) -> None:
    (found,) = check_postgres(at(empty_postgres))
    assert (found.state, "migrations are missing: 0001_events" in found.message) == ("fail", True)
    with psycopg.connect(empty_postgres, autocommit=True) as connection:
        migrate(connection)
        found_now = {finding.message: finding.state for finding in check_postgres(at(empty_postgres))}
        assert any("migrated to 00" in message and state == "ok" for message, state in found_now.items())
        assert found_now["partitions exist for only 0 days ahead"] == "warn"
        connection.execute("insert into days (day, state, rows) values ('2026-01-01', 'differs', 3)")
    (fault,) = (finding for finding in check_postgres(at(empty_postgres)) if finding.state == "fail")
    assert "2026-01-01" in fault.message
    assert check_postgres(at("postgresql://nobody@127.0.0.1:1/none"))[0].state == "fail"


def test_rounds_start_soon_and_continue_after_one_that_failed(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_FIRST_ROUND_SECONDS", 0.1)
    thread = commands.MaintenanceThread(at(postgres), RetentionSettings(), 3600)
    with psycopg.connect(postgres, autocommit=True) as connection:
        migrate(connection)
        connection.execute("alter table maintained rename to elsewhere")  # so that a round fails
        thread.start()
        while not connection.execute("select day from days").fetchone():
            time.sleep(0.05)
        connection.execute("alter table elsewhere rename to maintained")
        while connection.execute("select finished_at from maintained").fetchone() == (None,):
            time.sleep(0.05)
    thread.stop()
    thread.join(10)
    assert not thread.is_alive()
