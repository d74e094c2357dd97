"""Checks of Postgres: migrations, partitions, rights, roll-ups, clock, connections and the canary."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg

from footfall.doctor.finding import Finding
from service_kit.postgres import PostgresSettings
from sinks.connect import SessionNeeded, connect
from sinks.postgres import preflight
from sinks.postgres.migrations import pending
from sinks.retention.partitions import DAYS_AHEAD, attached_days, days_ahead

# With fewer days ahead than this, maintenance has not run for a week.
_MIN_DAYS_AHEAD = DAYS_AHEAD // 2
_CANARY_TIMEOUT_SECONDS = 45
_MAX_CLOCK_DIFFERENCE_SECONDS = 3.0
_MAX_CONNECTION_SHARE = 0.8
_NEWEST_EVENT = "select max(received_at)::text from raw_events"
_LAST_MIGRATION = "select max(name) from migrations where name ~ '^[0-9]'"
_MISMATCHED_DAYS = "select count(*)::int, min(day)::text from days where state = 'differs'"
_SERVER = """
select clock_timestamp(), current_setting('log_error_verbosity'),
    (select count(*)::int from pg_stat_activity where backend_type = 'client backend'),
    current_setting('max_connections')::int
"""
_LAST_CANARY = """
select extract(epoch from now() - sent_at)::float, extract(epoch from landed_at - sent_at)::float, failure
from canaries order by sent_at desc limit 1
"""


def check_postgres(where: PostgresSettings) -> list[Finding]:
    """Whether Postgres answers, has the tables of this version, and is maintained."""
    try:
        with connect(where, "footfall-doctor") as connection:
            facts = preflight.look(connection)
            if faults := preflight.faults(facts):
                return [Finding("postgres", "fail", fault, "nothing lands before that") for fault in faults]
            warnings = [
                Finding("postgres", "warn", each, "see docs/sinks.md") for each in preflight.warnings(facts)
            ]
            return [*warnings, *_findings(connection)]
    except SessionNeeded as error:
        return [Finding("postgres", "fail", str(error), "nothing lands before that")]
    except psycopg.Error as error:
        return [Finding("postgres", "fail", str(error).strip(), "start Postgres, or set FOOTFALL_POSTGRES_DSN")]


def _findings(connection: psycopg.Connection) -> Iterator[Finding]:
    missing = pending(connection)
    if missing:
        message = f"{len(missing)} migrations are missing: {', '.join(missing[:5])}"
        yield Finding("postgres", "fail", message, "run `python -m sinks migrate`, or start the sinks")
        return
    (migration,) = connection.execute(_LAST_MIGRATION).fetchone() or ("",)
    version = connection.info.server_version // 10000
    yield Finding("postgres", "ok", f"version {version}, migrated to {migration}")
    (newest,) = connection.execute(_NEWEST_EVENT).fetchone() or (None,)
    message = f"the newest event was received at {newest}" if newest else "no event has landed yet"
    yield Finding("postgres", "ok", message)
    yield from _check_days(connection)
    yield from _check_server(connection)
    yield from _check_roles(connection)
    yield from _check_canary(connection)


def _check_days(connection: psycopg.Connection) -> Iterator[Finding]:
    ahead = days_ahead(attached_days(connection), datetime.now(UTC).date())
    if ahead < _MIN_DAYS_AHEAD:
        message = f"partitions exist for only {ahead} days ahead"
        yield Finding("days", "warn", message, "run `footfall maintain` every hour")
    count, first = connection.execute(_MISMATCHED_DAYS).fetchone() or (0, None)
    if count:
        message = f"the rows of {count} days do not match their roll-ups; the first is {first}"
        yield Finding("days", "fail", message, "run `footfall audit`; such days are not deleted until they match")
    else:
        message = f"partitions exist for {ahead} days ahead, and every audited day matches its roll-up"
        yield Finding("days", "ok", message)


def _check_server(connection: psycopg.Connection) -> Iterator[Finding]:
    """Clock, connections, and what the server's log may reveal."""
    asked_at, row = datetime.now(UTC), connection.execute(_SERVER).fetchone()
    assert row is not None  # the query always returns one row
    now, verbosity, connections, max_connections = row
    if (difference := abs((now - asked_at).total_seconds())) > _MAX_CLOCK_DIFFERENCE_SECONDS:
        message = f"the clocks of Postgres and of this machine differ by {difference:.0f} s"
        yield Finding("clock", "warn", message, "synchronise both clocks with NTP")
    if connections > _MAX_CONNECTION_SHARE * max_connections:
        message = f"{connections} of {max_connections} connections are in use"
        yield Finding("postgres", "warn", message, "raise max_connections, or use a connection pooler")
    if verbosity != "terse":
        fix = "as a superuser: alter database NAME set log_error_verbosity = 'terse'"
        yield Finding("privacy", "warn", "Postgres' log can show values of rows in the details of errors", fix)


def _check_roles(connection: psycopg.Connection) -> Iterator[Finding]:
    found = connection.execute("select current_schema, to_regrole(current_schema || '_reader') is null").fetchone()
    schema, missing = found or ("", True)
    if missing:
        fix = f"have a superuser create {schema}_reader and {schema}_writer, then run `python -m sinks migrate`"
        yield Finding("roles", "warn", "this user may not create the roles for readers and writers", fix)


def _check_canary(connection: psycopg.Connection) -> Iterator[Finding]:
    last = connection.execute(_LAST_CANARY).fetchone()
    if last is None:
        return  # canaries are not configured
    age, seconds, failure = last
    if failure is None and seconds is None and age < _CANARY_TIMEOUT_SECONDS:
        yield Finding("canary", "ok", "one is on its way")
    elif seconds is not None:
        yield Finding("canary", "ok", f"landed {seconds:.2f} s after it was sent, {age:.0f} s ago")
    else:
        message = f"the last one, sent {age:.0f} s ago, did not land: {failure or 'its sender was stopped'}"
        yield Finding("canary", "fail", message, "find out whether the collector, Kafka or the sinks are failing")
