"""What Postgres needs beside landing: `python -m sinks maintain` and `migrate`, and rounds in a thread."""

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg

from service_kit.retention import RetentionSettings
from service_kit.settings import load_or_exit
from service_kit.startup import begin
from sinks.postgres.migrations import grant, migrate, pending
from sinks.retention.maintenance import Busy, Done, due, maintain
from sinks.settings import UpkeepSettings

log = logging.getLogger(__name__)

FAILED = 1
_CHECK_SECONDS = 1.0
# The first round, as some only run for a while; and the next after one that was cut off.
_SOON_SECONDS = 60.0


def maintain_command(arguments: Sequence[str]) -> None:
    """`python -m sinks maintain`: one round. Exit code 1 where a day does not add up."""
    parser = argparse.ArgumentParser(prog="python -m sinks maintain", description="One round of maintenance.")
    parser.add_argument("--dry-run", "--plan", action="store_true", help="only say what is due")
    dry_run: bool = parser.parse_args(arguments).dry_run
    settings = _settings()
    if one_round(settings.postgres_dsn.reveal(), settings.retention, dry_run=dry_run):
        sys.exit(FAILED)


def migrate_command(arguments: Sequence[str]) -> None:
    """`python -m sinks migrate`: apply what is missing, or ask whether anything is. Exit code 1 where it is."""
    parser = argparse.ArgumentParser(prog="python -m sinks migrate", description="Bring the tables up to date.")
    parser.add_argument("--check", action="store_true", help="apply nothing, only tell whether any are missing")
    parser.add_argument(
        "--wait", type=float, default=0, help="with --check: seconds to wait until none is missing"
    )
    chosen = parser.parse_args(arguments)
    dsn = _settings().postgres_dsn.reveal()
    if not chosen.check:
        with psycopg.connect(dsn, autocommit=True) as connection:
            migrate(connection)
            grant(connection)  # the roles may have been made since
        return
    if missing := _missing(dsn, time.monotonic() + chosen.wait):
        log.error("missing migrations: %s", missing)
        sys.exit(FAILED)


def one_round(dsn: str, retention: RetentionSettings, *, dry_run: bool = False) -> bool:
    """Do one round, or say what it would do, in the log; whether a person must look."""
    found = list[Done]()
    with psycopg.connect(dsn, autocommit=True, application_name="footfall-maintain") as connection:
        if missing := pending(connection):
            log.error("missing migrations: %s; run `python -m sinks migrate`", missing)
            return True
        today = datetime.now(UTC).date()
        try:
            for done in (due if dry_run else maintain)(connection, today=today, retention=retention):
                log.log(logging.ERROR if done.fault else logging.INFO, "%s", done.what)
                found.append(done)
        except Busy as error:
            log.info("%s", error)
    return any(done.fault for done in found)


class Rounds(threading.Thread):
    """A round every so often, beside landing; what fails is tried again at the next."""

    def __init__(self, dsn: str, retention: RetentionSettings, seconds: float) -> None:
        super().__init__(name="maintenance", daemon=True)
        self._dsn, self._retention, self._seconds = dsn, retention, seconds
        self._stopping = threading.Event()

    def run(self) -> None:
        """Go on until told to stop."""
        pause = min(self._seconds, _SOON_SECONDS)
        while not self._stopping.wait(pause):
            try:
                one_round(self._dsn, self._retention)
                pause = self._seconds
            except psycopg.Error as error:
                log.warning("maintenance was cut off; the next round goes on", extra={"error": str(error)})
                pause = min(self._seconds, _SOON_SECONDS)

    def stop(self) -> None:
        """Begin no further round. One that is going on may be cut off anywhere."""
        self._stopping.set()


def _settings() -> UpkeepSettings:
    settings = load_or_exit(UpkeepSettings, os.environ)
    begin("sinks", os.environ, level=settings.log_level)
    return settings


def _missing(dsn: str, deadline: float) -> list[str]:
    """The migrations that are missing still at the deadline."""
    while True:
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                missing = pending(connection)
        except psycopg.OperationalError as error:
            missing = [f"all, or none: {error}"]
        if not missing or time.monotonic() >= deadline:
            return missing
        time.sleep(_CHECK_SECONDS)
