"""Twenty questions of the history page, by column files and by SQL over the rows: seconds, and CPU of footfall and Postgres.

footfall bench history

Sixty days of events, the last one up to now. HISTORY_EVENTS: how many, a million by default; HISTORY_SQL=0 leaves out
the SQL over rows, which takes long; HISTORY_PACK=1 packs old days first; HISTORY_CLICKHOUSE=1 also asks ClickHouse, by the
package chdb (`pip install chdb`), about the same rows; HISTORY_UMAMI=1 also asks them as Umami does, in the same Postgres.
"""

import asyncio
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import psutil
import psycopg
from psycopg import sql

from benchmarks import layout, umami
from benchmarks.parts import database, resident_mib
from dashboard.columns.plan import DAY
from dashboard.columns.service import Columns
from dashboard.history.query import Query, parse_query
from dashboard.history.result import Result
from dashboard.history.service import LAYOUT, HistoryService
from dashboard.history.visits import VISIT_LAYOUT
from dashboard.sql import Database
from service_kit.postgres import PostgresSettings
from service_kit.retention import RetentionSettings
from service_kit.settings import Secret
from sinks.audit import audit
from sinks.columns import HOT_NAMES
from sinks.postgres.migrations import migrate
from sinks.postgres.views import create_views
from sinks.retention import rollups
from sinks.retention.content import SUMS
from sinks.retention.maintenance import maintain
from sinks.retention.partitions import create_partitions

EVENTS = int(os.environ.get("HISTORY_EVENTS", "1000000"))
WITH_SQL = os.environ.get("HISTORY_SQL", "1") == "1"
WITH_CLICKHOUSE = os.environ.get("HISTORY_CLICKHOUSE") == "1"
WITH_UMAMI = os.environ.get("HISTORY_UMAMI") == "1"
PACK = os.environ.get("HISTORY_PACK") == "1"
ROUNDS = int(os.environ.get("HISTORY_ROUNDS", "3"))
DAYS = 60
# Events that are made in Python; all others are copies of them, of other visitors and at other times.
SAMPLE = 100_000

QUESTIONS: dict[str, dict[str, str]] = {
    "24 hours": {"range": "24h"},
    "7 days": {"range": "7d"},
    "30 days": {"range": "30d"},
    "60 days": {"range": "90d"},
    "7 days, compared": {"range": "7d", "compare": "1"},
    "30 days, compared": {"range": "30d", "compare": "1"},
    "14 days by hour": {"from": "-13", "step": "hour"},
    "one old day": {"from": "-40", "to": "-40"},
    "30 days in New York": {"range": "30d", "tz": "America/New_York"},
    "30 days, a page": {"range": "30d", "page": "/pricing"},
    "30 days, mobile": {"range": "30d", "device": "mobile"},
    "30 days, a country": {"range": "30d", "country": "DE"},
    "30 days, a channel": {"range": "30d", "channel": "search"},
    "30 days, a rare campaign": {"range": "30d", "campaign": "autumn-2026"},
    "30 days, errors": {"range": "30d", "type": "error_encountered"},
    "60 days, web vitals": {"range": "90d", "type": "web_vital"},
    "60 days, page and device": {"range": "90d", "page": "/pricing", "device": "mobile"},
    "60 days, page, device, country": {"range": "90d", "page": "/pricing", "device": "mobile", "country": "US"},
    "60 days, a release, compared": {"range": "90d", "release": "2026.11.2", "compare": "1"},
    "60 days, nothing": {"range": "90d", "page": "/no-such-page"},
}


class Cost(NamedTuple):
    """Of one answer, in seconds."""

    wall: float
    client: float
    postgres: float
    # Until totals and chart were there.
    first: float = 0.0

    @property
    def cpu(self) -> float:
        return self.client + self.postgres


class Watch:
    """A report that knows when the first part of a result was there."""

    is_patient = False

    def __init__(self) -> None:
        self.first = 0.0

    def reading(self, text: str) -> None:
        """Nobody reads it."""

    def found(self, _result: Result) -> None:
        self.first = self.first or time.perf_counter()


def prepare(connection: psycopg.Connection) -> None:
    """Create the tables and views of the sinks."""
    migrate(connection)
    with connection.transaction():
        create_views(connection)


def build(connection: psycopg.Connection, today: date, events: int, number_of_days: int = DAYS) -> None:
    """Land events of some days in SQL, with everything that landing writes beside them but visits."""
    days = [today - timedelta(days=ago) for ago in range(number_of_days)]
    create_partitions(connection, days)
    per_day = events // number_of_days
    rows = layout.visits(today, min(SAMPLE, per_day), noisy=False)
    connection.execute("create temp table sample (like raw_events)")
    layout.land(connection, rows, "sample")
    now = round(time.time() * 1000)
    for number, day in enumerate(days):
        for copy in range(-(-per_day // len(rows))):
            wanted = min(len(rows), per_day - copy * len(rows))
            _copy_sample(connection, -number * DAY, f"{copy}-{number % 20}", wanted, now)
        _write_counts(connection, day)
    rollups.fold(connection)
    (landed,) = connection.execute("select count(*) from raw_events").fetchone() or (0,)
    connection.execute(
        "insert into sink_offsets (sink, cluster_id, topic, part, first_offset, next_offset, owner)"
        " values ('events', 'benchmark', 'events', 0, 0, %s, 'benchmark')",
        [landed],
    )
    connection.execute(
        "insert into landed (sink, topic, part, day, read, first_offset, next_offset, rows)"
        " values ('events', 'events', 0, %s, %s, 0, %s, %s)",
        [today, landed, landed, landed],
    )
    connection.execute("vacuum (freeze, analyze)")


@contextmanager
def landed(events: int, days: int = DAYS) -> Iterator[tuple[str, Path, psycopg.Connection]]:
    """A database with so many events, as DSN and connection, and an empty folder."""
    with (
        database() as dsn,
        tempfile.TemporaryDirectory() as folder,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        prepare(connection)
        started = time.perf_counter()
        build(connection, datetime.now(UTC).date(), events, days)
        print(f"{events:,} events over {days} days: {time.perf_counter() - started:.0f} s", flush=True)
        yield dsn, Path(folder), connection


def _copy_sample(connection: psycopg.Connection, shift: int, visitors: str, rows: int, now: int) -> None:
    """Land a copy of the sample: `shift` ms later, of other visitors, nothing in the future."""
    milliseconds = "(('x' || substr(replace(event_id::text, '-', ''), 1, 12))::bit(48)::bigint + %(shift)s)"
    other = "substr(sha256({column} || convert_to(%(visitors)s, 'UTF8')), 1, 16)"
    changed = {
        "event_id": f"(lpad(to_hex({milliseconds}), 12, '0') || '7' || substr(md5(random()::text), 1, 3) || '8'"
        " || substr(md5(random()::text), 1, 15))::uuid",
        **{name: f"{name} + %(shift)s * interval '1 ms'" for name in ("occurred_at", "received_at", "sent_at")},
        **{name: other.format(column=name) for name in ("user_key", "visitor_key", "session_key")},
    }
    selected = ", ".join(changed.get(name, name) for name in HOT_NAMES)
    connection.execute(
        f"insert into raw_events ({', '.join(HOT_NAMES)}) select {selected} from (select * from sample limit %(rows)s) as s"
        f" where {milliseconds} < %(now)s".encode(),
        {"shift": shift, "visitors": visitors, "rows": rows, "now": now},
    )


def _write_counts(connection: psycopg.Connection, day: date) -> None:
    bounds = {"day": day}
    of_day = "event_id >= id_from(%(day)s::timestamp at time zone 'UTC') and event_id < id_from((%(day)s + 1)::timestamp at time zone 'UTC')"
    connection.execute(
        f"insert into hourly_deltas (hour, event_type, events) select date_trunc('hour', moment, 'UTC'), event_type, count(*)"
        f" from (select event_type, moment_of(('x' || substr(replace(event_id::text, '-', ''), 1, 12))::bit(48)::bigint) as moment"
        f" from raw_events where {of_day}) as e group by 1, 2".encode(),
        bounds,
    )
    connection.execute(
        sql.SQL("insert into landed_sums (day, ids, contents) select %(day)s, {} from raw_events where {}").format(
            SUMS, sql.SQL(of_day)
        ),
        bounds,
    )


def postgres_seconds(server: psutil.Process) -> float:
    """CPU time of a server and of all its processes, those that ended included."""
    spent = server.cpu_times()
    total = spent.user + spent.system + spent.children_user + spent.children_system
    for child in server.children(recursive=True):
        try:
            of_child = child.cpu_times()
        except psutil.Error:
            continue
        total += of_child.user + of_child.system
    return total


def own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def query_of(params: dict[str, str], today: date) -> Query:
    days = {
        name: (today + timedelta(days=int(params[name]))).isoformat() for name in ("from", "to") if name in params
    }
    return parse_query(params | days, datetime.now(UTC), 90)


def ask_umami(dsn: str, server: psutil.Process, params: dict[str, str], today: date) -> Cost | None:
    """One statement after the other, in a connection of its own; Umami itself uses a few at a time."""
    query = query_of(params, today)
    if not umami.can_ask(query):
        return None
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=umami -c timezone=UTC") as connection:
        wall, backend = time.perf_counter(), postgres_seconds(server)
        for statement, values in umami.statements(query):
            connection.execute(statement, values).fetchall()
        return Cost(time.perf_counter() - wall, 0.0, postgres_seconds(server) - backend)


async def ask(service: HistoryService, server: psutil.Process, params: dict[str, str], today: date) -> Cost:
    """The cost of an answer that nobody asked for before."""
    query = query_of(params, today)
    service._cache.clear()
    service._visits.clear()
    known, watch = set(server.children()), Watch()
    started, client, backend = time.perf_counter(), own_seconds(), postgres_seconds(server)
    await service.run(query, watch)
    wall, client = time.perf_counter() - started, own_seconds() - client
    await _ended(server, known)
    first = watch.first - started if watch.first else wall
    return Cost(wall, client, postgres_seconds(server) - backend, first)


async def _ended(server: psutil.Process, known: set[psutil.Process]) -> None:
    """Wait until the processes of new connections have ended: their CPU time counts then."""
    until = time.monotonic() + 5
    while set(server.children()) - known and time.monotonic() < until:  # noqa: ASYNC110 # they are of another program
        await asyncio.sleep(0.05)


def cheapest(costs: Sequence[Cost]) -> Cost:
    return min(costs, key=lambda cost: cost.cpu)


async def measure(dsn: str, server: psutil.Process, folder: Path, today: date) -> None:
    where = PostgresSettings(postgres_dsn=Secret(dsn))
    columns = Columns(folder, Database(where), LAYOUT, VISIT_LAYOUT, retention_days=90)
    started, client, backend = time.perf_counter(), own_seconds(), postgres_seconds(server)
    columns._wake.set()  # as if somebody waited: without rests
    await columns.build_round()
    rows = sum(sum(file.hours.values()) for file in columns._folder.files)
    size = await asyncio.to_thread(bytes_of, folder)
    print(
        f"column files: {size / rows:.1f} bytes per event; {time.perf_counter() - started:.0f} s, CPU per event"
        f" {1e6 * (own_seconds() - client) / rows:.1f} µs here, {1e6 * (postgres_seconds(server) - backend) / rows:.1f}"
        " µs in Postgres",
        flush=True,
    )
    patient = Database(where)
    patient._settings["statement_timeout"] = "0"
    by_columns, by_rows = HistoryService(Database(where), columns), HistoryService(patient)
    clickhouse = ClickHouse(folder) if WITH_CLICKHOUSE else None
    await ask(by_columns, server, QUESTIONS["24 hours"], today)
    walls, firsts = list[float](), list[float]()
    print(f"load {os.getloadavg()[0]:.0f} at the start; the last column: seconds to totals and chart, by columns")
    names = ("columns", "rows", "ClickHouse", "Umami")
    print(
        f"{'':32}"
        + "".join(f" {name:>15}" for name in names)
        + f"\n{'':32}"
        + f" {'s':>7} {'CPU s':>7}" * len(names)
    )
    for name, params in QUESTIONS.items():
        costs = [await ask(by_columns, server, params, today) for _ in range(ROUNDS)]
        walls += [cost.wall for cost in costs]
        firsts += [cost.first for cost in costs]
        found: list[Cost | None] = [cheapest(costs), None, None, None]
        if WITH_SQL:
            found[1] = await ask(by_rows, server, params, today)
        if clickhouse:
            found[2] = cheapest([clickhouse.ask(params, today) for _ in range(ROUNDS)])
        if WITH_UMAMI:
            found[3] = ask_umami(dsn, server, params, today)
        cells = "".join(f" {cost.wall:7.2f} {cost.cpu:7.2f}" if cost else f" {'-':>7} {'-':>7}" for cost in found)
        print(f"{name:32}{cells} {min(cost.first for cost in costs):7.2f}", flush=True)
    p95, first = (quantiles(each, n=20)[-1] for each in (walls, firsts))
    print(
        f"columns, all {len(walls)} answers: p95 {p95:.2f} s, of totals and chart {first:.2f} s;"
        f" {resident_mib(os.getpid()):.0f} MiB resident at the end; load {os.getloadavg()[0]:.0f}"
    )
    columns.close()


class ClickHouse:
    """ClickHouse inside this process, with the rows of the column files in a table of its own."""

    def __init__(self, folder: Path) -> None:
        from chdb import session  # not a dependency of footfall

        self._session = session.Session()
        files = folder / LAYOUT.name / "*.parquet"
        self._session.query("create database history engine = Atomic")
        self._session.query(
            "create table history.events engine = MergeTree order by (event_type, person, ms)"
            f" settings allow_nullable_key = 1 as select * from file('{files}', Parquet)"
        )
        self._session.query("optimize table history.events final")

    def ask(self, params: dict[str, str], today: date) -> Cost:
        """The same counts: totals, steps, rankings, errors, forms and quantiles."""
        query = query_of(params, today)
        since, until, before, before_until = (
            round(each.timestamp() * 1000)
            for each in (query.since, query.until, query.previous_since, query.previous_until)
        )
        filters = "".join(f" and {LAYOUT.filters[each.name]} = '{each.value}'" for each in query.filters)
        head = (
            f"from (select *, ms >= {since} as is_current, ms < {before_until} as is_previous from history.events where"
            f" ms >= {before} and ms < {until} and (ms >= {since} or ms < {before_until}){filters})"
        )
        wall, client = time.perf_counter(), own_seconds()
        for selected in _clickhouse_queries(head):
            self._session.query(selected, "Native")
        return Cost(time.perf_counter() - wall, own_seconds() - client, 0.0)


def _clickhouse_queries(head: str) -> Sequence[str]:
    both = "countIf(is_current) as events, countIf(is_previous) as previous"
    people = ", ".join(f"uniqExactIf(person, {period} and is_person)" for period in ("is_current", "is_previous"))
    ranking = (
        "select {0} as name, " + both + " {1} where {0} is not null group by name order by events desc limit 100"
    )
    return [
        f"select {both}, {people} {head}",
        f"select intDiv(ms, 3600000) as hour, event_type, {both} {head} group by hour, event_type",
        *(ranking.format(column, head) for column in LAYOUT.rankings),
        f"select form, {both}, countIf(succeeded) {head} where event_type = 'form_submit' group by form limit 100",
        f"select error, {people}, {both}, uniqExact(page), min(occurred), max(occurred) {head}"
        " where error is not null group by error order by events desc limit 300",
        f"select metric, quantileExactIf(0.75)(value, is_current), {both} {head} where event_type = 'web_vital'"
        " group by metric",
    ]


def main() -> None:
    today = datetime.now(UTC).date()
    with landed(EVENTS) as (dsn, folder, connection):
        if WITH_UMAMI:
            umami.create(connection)
        (pid,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
        mismatches = audit(connection).mismatches()
        assert not mismatches, mismatches
        if PACK:
            list(maintain(connection, today=today, retention=RetentionSettings()))
        server = psutil.Process(pid).parent()
        assert server
        asyncio.run(measure(dsn, server, folder / "columns", today))


if __name__ == "__main__":
    main()
