"""`python -m sinks migrate` and `python -m sinks maintain`, for jobs; and maintenance rounds in a thread.

They are for images without the command line: `footfall maintain` does the same as `python -m sinks maintain`.
"""

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg

from service_kit.background import BackgroundThread
from service_kit.postgres import PostgresSettings
from service_kit.retention import RetentionSettings
from service_kit.settings import load_or_exit
from service_kit.startup import begin
from sinks.connect import connect
from sinks.postgres import preflight
from sinks.postgres.migrations import grant, migrate, pending
from sinks.retention.maintenance import AlreadyRunning, StepResult, maintain, planned
from sinks.retention.partitions import create_partitions, days_to_create
from sinks.settings import MaintenanceSettings

log = logging.getLogger(__name__)

FAILED = 1
_CHECK_INTERVAL_SECONDS = 1.0
# The first round comes this soon, for stacks that only run for a while; so does the one after a failure.
_FIRST_ROUND_SECONDS = 60.0


def maintain_command(arguments: Sequence[str]) -> None:
    """`python -m sinks maintain`: one round of maintenance. Exit code 1 if an operator must look at a day."""
    parser = argparse.ArgumentParser(
        prog="python -m sinks maintain",
        description="Run one round of maintenance: fold the roll-ups, then audit, pack and drop the days that are "
        "due. Run it every hour. Exit code 1 if a day does not add up or migrations are missing.",
    )
    parser.add_argument("--dry-run", action="store_true", help="log what is due, and change nothing")
    dry_run: bool = parser.parse_args(arguments).dry_run
    settings = _load_settings()
    if not run_round(settings.postgres, settings.retention, dry_run=dry_run):
        sys.exit(FAILED)


def migrate_command(arguments: Sequence[str]) -> None:
    """`python -m sinks migrate`: apply missing migrations, or check for them. Exit code 1 if any are missing."""
    parser = argparse.ArgumentParser(
        prog="python -m sinks migrate",
        description="Apply the migrations that the database lacks, and grant the roles their rights.",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit code 1 if migrations are missing"
    )
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="with --check: wait this long for another job's"
    )
    chosen = parser.parse_args(arguments)
    where = _load_settings().postgres
    if not chosen.check:
        _migrate(where)
        return
    if missing := _missing_migrations(where, time.monotonic() + chosen.wait):
        log.error("missing migrations: %s", missing)
        sys.exit(FAILED)


def run_round(where: PostgresSettings, retention: RetentionSettings, *, dry_run: bool = False) -> bool:
    """Run one round of maintenance and log its steps. Return False if an operator must look at something."""
    return not any(step.failed for step in _round(where, retention, dry_run=dry_run))


def _round(where: PostgresSettings, retention: RetentionSettings, *, dry_run: bool = False) -> list[StepResult]:
    steps = list[StepResult]()
    with connect(where, "footfall-maintain") as connection:
        if missing := pending(connection):
            log.error("missing migrations: %s; run `python -m sinks migrate`", missing)
            return [StepResult("migrations are missing", failed=True)]
        today = datetime.now(UTC).date()
        try:
            for step in (planned if dry_run else maintain)(connection, today=today, retention=retention):
                log.log(logging.ERROR if step.failed else logging.INFO, "%s", step.message)
                steps.append(step)
        except AlreadyRunning as error:
            log.info("%s", error)
    return steps


class MaintenanceThread(BackgroundThread):
    """Runs a round at every interval while the process lands events. A round that fails is tried again soon."""

    def __init__(self, where: PostgresSettings, retention: RetentionSettings, interval_seconds: float) -> None:
        super().__init__("maintenance", self._run_rounds)
        self._where, self._retention, self._interval_seconds = where, retention, interval_seconds
        self._stopping = threading.Event()

    def _run_rounds(self) -> None:
        soon = pause = min(self._interval_seconds, _FIRST_ROUND_SECONDS)
        while not self._stopping.wait(pause):
            try:
                refused = any(step.refused for step in _round(self._where, self._retention))
                pause = soon if refused else self._interval_seconds
            except psycopg.Error as error:
                log.warning("maintenance was interrupted; it is tried again soon", extra={"error": str(error)})
                pause = soon
            except Exception:  # landing goes on without it for days, and must not end with it
                log.exception("maintenance failed; it is tried again soon")
                pause = soon

    def stop(self) -> None:
        """Start no further round. One that is running may be interrupted anywhere."""
        self.stop_expected()
        self._stopping.set()


def _load_settings() -> MaintenanceSettings:
    settings = load_or_exit(MaintenanceSettings, os.environ)
    begin("sinks", os.environ, level=settings.log_level)
    return settings


def _migrate(where: PostgresSettings) -> None:
    with connect(where, "footfall-migrate") as connection:
        if faults := preflight.faults(preflight.look(connection)):
            log.error("%s", " ".join(faults))
            sys.exit(FAILED)
        migrate(connection)
        grant(connection)  # the roles may have been created after the last migration
        # Here too, as the sinks may have no right to create them.
        create_partitions(connection, days_to_create(datetime.now(UTC).date()))


def _missing_migrations(where: PostgresSettings, deadline: float) -> list[str]:
    """The migrations that are still missing at the deadline."""
    while True:
        try:
            with connect(where, "footfall-migrate") as connection:
                missing = pending(connection)
        except psycopg.OperationalError as error:
            missing = [f"unknown, as Postgres cannot be reached: {error}"]
        if not missing or time.monotonic() >= deadline:
            return missing
        time.sleep(_CHECK_INTERVAL_SECONDS)
