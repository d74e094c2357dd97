"""What `footfall doctor` finds in Postgres."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg

from footfall.doctor.services import Finding
from sinks.postgres.migrations import pending
from sinks.retention.partitions import DAYS_AHEAD

# Fewer days ahead than this, and nobody has made partitions for a week.
_FEW_DAYS_AHEAD = DAYS_AHEAD // 2
_LAST_CANARY = """
select extract(epoch from now() - sent_at)::float, extract(epoch from landed_at - sent_at)::float, failure
from canaries order by sent_at desc limit 1
"""
_CANARY_PATIENCE_SECONDS = 45
_NEWEST = "select max(received_at)::text from raw_events"
_AHEAD = """
select count(*)::int from pg_inherits
where inhparent = 'raw_events'::regclass and right(inhrelid::regclass::text, 8) > to_char(%s, 'YYYYMMDD')
"""
_CLOCKS_MAY_DIFFER_SECONDS = 3.0
_MAX_CONNECTIONS = 0.8
_SERVER = """
select clock_timestamp(), current_setting('log_error_verbosity'),
    (select pg_has_role(relowner, 'usage') from pg_class where oid = 'raw_events'::regclass),
    (select count(*)::int from pg_stat_activity where backend_type = 'client backend'),
    current_setting('max_connections')::int
"""
_DIFFERENT = "select count(*)::int, min(day)::text from days where state = 'differs'"


def look_at_postgres(dsn: str) -> list[Finding]:
    """Whether Postgres answers, has the tables as this version knows them, and is maintained."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            return list(_findings(connection))
    except psycopg.Error as error:
        return [Finding("postgres", "fail", str(error).strip(), "start it, or set FOOTFALL_POSTGRES_DSN")]


def _findings(connection: psycopg.Connection) -> Iterator[Finding]:
    missing = pending(connection)
    if missing:
        said = f"{len(missing)} migrations are missing: {', '.join(missing[:5])}"
        yield Finding("postgres", "fail", said, "run `python -m sinks migrate`, or start the sinks")
        return
    (version,) = connection.execute("select max(name) from migrations where name ~ '^[0-9]'").fetchone() or ("",)
    yield Finding("postgres", "ok", f"version {connection.info.server_version // 10000}, tables as of {version}")
    (newest,) = connection.execute(_NEWEST).fetchone() or (None,)
    yield Finding(
        "postgres", "ok", f"the newest event was received {newest}" if newest else "no event has landed yet"
    )
    yield from _of_days(connection)
    yield from _of_server(connection)
    yield from _of_roles(connection)
    yield from _of_canary(connection)


def _of_days(connection: psycopg.Connection) -> Iterator[Finding]:
    (ahead,) = connection.execute(_AHEAD, [datetime.now(UTC).date()]).fetchone() or (0,)
    if ahead < _FEW_DAYS_AHEAD:
        said = f"partitions are made for {ahead} days ahead only"
        yield Finding("days", "warn", said, "run `footfall maintain` every hour")
    count, first = connection.execute(_DIFFERENT).fetchone() or (0, None)
    if count:
        said = f"{count} days have other rows than their roll-up says, the first is {first}"
        yield Finding("days", "fail", said, "run `footfall audit`; such days are kept until it is solved")
    else:
        yield Finding(
            "days", "ok", f"partitions are made for {ahead} days ahead, and no day differs from its roll-up"
        )


def _of_server(connection: psycopg.Connection) -> Iterator[Finding]:
    """Clock, rights, connections, and what its log would show."""
    asked, answer = datetime.now(UTC), connection.execute(_SERVER).fetchone()
    assert answer is not None  # it asks for one row
    now, verbosity, owns, used, most = answer
    if (apart := abs((now - asked).total_seconds())) > _CLOCKS_MAY_DIFFER_SECONDS:
        said = f"Postgres' clock and this machine's are {apart:.0f} s apart"
        yield Finding("clock", "warn", said, "let NTP set both clocks")
    if not owns:
        said = "this user does not own the tables: it can neither migrate nor make partitions"
        yield Finding("privileges", "fail", said, "let the sinks connect as the owner of raw_events")
    if used > _MAX_CONNECTIONS * most:
        said = f"{used} of {most} connections are in use"
        yield Finding("postgres", "warn", said, "raise max_connections, or put a pooler in front")
    if verbosity != "terse":
        fix = "alter database … set log_error_verbosity = 'terse'; a superuser may"
        yield Finding("privacy", "warn", "Postgres' own log may show values of rows beside an error", fix)


def _of_roles(connection: psycopg.Connection) -> Iterator[Finding]:
    there = connection.execute("select to_regrole('footfall_reader') is not null").fetchone()
    if there == (False,):
        fix = "let an administrator make footfall_reader and footfall_writer, then run `python -m sinks migrate`"
        yield Finding("roles", "warn", "this user may not make the group roles for readers and writers", fix)


def _of_canary(connection: psycopg.Connection) -> Iterator[Finding]:
    last = connection.execute(_LAST_CANARY).fetchone()
    if last is None:
        return  # none is sent here
    ago, took, failure = last
    if failure is None and took is None and ago < _CANARY_PATIENCE_SECONDS:
        yield Finding("canary", "ok", "one is on its way")
    elif took is not None:
        yield Finding("canary", "ok", f"from the collector to its row in {took:.2f} s, {ago:.0f} s ago")
    else:
        said = f"the last one, sent {ago:.0f} s ago, has no row: {failure or 'nobody waited for it'}"
        yield Finding("canary", "fail", said, "see which of collector, Kafka and sinks is not well")
