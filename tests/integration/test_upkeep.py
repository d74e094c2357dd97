"""Migrations, rounds of maintenance as a job runs them, and what doctor says of Postgres."""

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

pytestmark = pytest.mark.integration


def sinks(dsn: str, *arguments: str) -> tuple[int, Sequence[str]]:
    """`python -m sinks …` with these arguments: exit code, and what it logged."""
    command = [sys.executable, "-m", "sinks", *arguments]
    ran = subprocess.run(
        command, env={"FOOTFALL_POSTGRES_DSN": dsn}, capture_output=True, text=True, check=False, timeout=60
    )
    return ran.returncode, [
        json.loads(line)["message"] for line in ran.stderr.splitlines() + ran.stdout.splitlines()
    ]


def test_a_job_migrates_others_ask_whether_it_has_and_a_job_maintains(postgres: str) -> None:
    code, (said,) = sinks(postgres, "migrate", "--check")
    assert code == 1
    assert "0001_events" in said
    assert sinks(postgres, "maintain")[0] == 1
    code, said = sinks(postgres, "migrate")
    assert code == 0
    assert "applied migration 0001_events" in said
    assert sinks(postgres, "migrate", "--check", "--wait", "5") == (0, [])
    assert sinks(postgres, "migrate") == (0, [])
    assert sinks(postgres, "maintain")[0] == 0
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with psycopg.connect(postgres, autocommit=True) as connection:
        assert connection.execute("select state from days where day = %s", [yesterday]).fetchone() == ("audited",)
        connection.execute("insert into event_types (name) values ('click')")
        connection.execute("insert into hourly_deltas values (now() - interval '1 day', 1, 5)")
    code, said = sinks(postgres, "maintain", "--dry-run")
    assert code == 0
    assert said == []  # it was audited today
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("update days set checked_on = checked_on - 1")
    assert f"{yesterday}: would close" in sinks(postgres, "maintain", "--dry-run")[1]
    code, said = sinks(postgres, "maintain")
    assert code == 1
    assert f"{yesterday}: kept, as 0 rows are there, and 5 by its roll-up and erasures" in said


def test_doctor_names_the_version_what_is_missing_and_days_that_differ(postgres: str) -> None:
    (found,) = check_postgres(postgres)
    assert (found.state, "migrations are missing: 0001_events" in found.message) == ("fail", True)
    with psycopg.connect(postgres, autocommit=True) as connection:
        migrate(connection)
        found_now = {finding.message: finding.state for finding in check_postgres(postgres)}
        assert any("migrated to 00" in said and state == "ok" for said, state in found_now.items())
        assert found_now["partitions exist for only 0 days ahead"] == "warn"
        connection.execute("insert into days (day, state, rows) values ('2026-01-01', 'differs', 3)")
    (fault,) = (finding for finding in check_postgres(postgres) if finding.state == "fail")
    assert "2026-01-01" in fault.message
    assert check_postgres("postgresql://nobody@127.0.0.1:1/none")[0].state == "fail"


def test_rounds_begin_soon_after_a_start_and_go_on_after_one_that_was_cut_off(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_SOON_SECONDS", 0.1)
    rounds = commands.Rounds(postgres, RetentionSettings(), 3600)
    with psycopg.connect(postgres, autocommit=True) as connection:
        migrate(connection)
        connection.execute("alter table maintained rename to elsewhere")  # so that a round fails
        rounds.start()
        while not connection.execute("select day from days").fetchone():
            time.sleep(0.05)
        connection.execute("alter table elsewhere rename to maintained")
        while connection.execute("select finished_at from maintained").fetchone() == (None,):
            time.sleep(0.05)
    rounds.stop()
    rounds.join(10)
    assert not rounds.is_alive()
