"""Compares the sink with other ways to write the same rows to Postgres: rows/s, and CPU per row of client and server.

footfall bench sink

First with rows that are decoded already: the transactions of the sink, plain binary COPY, multi-row inserts. Then whole
processes that catch up with a topic: the sink, and Debezium's JDBC sink on Kafka Connect (JSON with schema, upsert).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import orjson
import psutil
import psycopg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg import sql
from psycopg.types.json import Jsonb

from avro_schemas import event_ids
from benchmarks import debezium
from benchmarks.parts import broker, database
from footfall.local import ports
from service_kit.kafka.record import KafkaRecord
from sinks.columns import COLUMNS, HOT_NAMES
from sinks.landing.event_row import EventRow
from sinks.landing.rows import Batch, decode_batch
from sinks.postgres.insert import COPY
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.events import Record, encoded, event, user_key

ROWS, BATCHES, ROUNDS = 5000, 6, 3
TOPIC_RECORDS, DEBEZIUM_RECORDS = 200_000, 40_000
ROWS_PER_INSERT = 1000  # of a multi-row insert: a statement may have at most 65,535 parameters
Values = Sequence[Sequence[tuple[Any, ...]]]


def records(seed: int, rows: int = ROWS) -> list[KafkaRecord]:
    """Realistic page views: pages, referrers, titles."""
    chance, now = Random(seed), time.time_ns() // 1_000_000
    made: list[KafkaRecord] = []
    for offset in range(rows):
        page = f"/reports/{chance.randrange(500)}"
        data = {"page": page, "referrer": "/dashboard", "title": f"Report {chance.randrange(500)}"}
        fields = event(
            "page_view",
            now,
            event_id=event_ids.generate(now, chance.randbytes(10)),
            user_key=user_key(str(chance.randrange(5000))),
            visitor_key=user_key(str(chance.randrange(5000)) + "visitor"),
            country=chance.choice(("CO", "DE", "US")),
            language=chance.choice(("es-CO", "de", "en-US")),
            screen=chance.choice(("xs", "lg", "xl")),
            release="2026.11.3",
            hostname="app.example.com",
            page=page,
            route="/reports/:id",
            event_data=data,
        )
        made.append(Record(offset, now, None, encoded(fields)))
    return made


class Meter:
    """Measures wall clock and CPU of the client process and of the server, from its creation on."""

    def __init__(self, server: psutil.Process, client: psutil.Process | None = None) -> None:
        self._server, self._client = server, client or psutil.Process()
        self._started = time.monotonic()
        self._before = cpu(self._client, children=False), cpu(self._server)

    def read(self, rows: int) -> "Figure":
        """The figure for so many rows."""
        seconds = time.monotonic() - self._started
        used = cpu(self._client, children=False) - self._before[0], cpu(self._server) - self._before[1]
        return Figure(rows / seconds, *(1e6 * each / rows for each in used))


class Figure:
    """Rows per second, and CPU µs per row of client and server."""

    def __init__(self, rate: float, client: float, server: float) -> None:
        self.rate, self.client, self.server = rate, client, server

    def __str__(self) -> str:
        return f"{self.rate:>9,.0f} rows/s   {self.client:5.1f} µs client + {self.server:5.1f} µs server per row"


def cpu(process: psutil.Process, *, children: bool = True) -> float:
    """CPU seconds so far; with `children`, also those of child processes, including ended ones."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0  # just ended: its parent has its time
    own = times.user + times.system
    if not children:
        return own
    ended: float = times.children_user + times.children_system
    return own + ended + sum(cpu(child) for child in process.children())


def server_process(dsn: str) -> psutil.Process:
    with psycopg.connect(dsn) as connection:
        parent = psutil.Process(connection.info.backend_pid).parent()
    assert parent
    return parent


def python_values(store: PostgresStore, row: EventRow) -> tuple[Any, ...]:
    """The values as Python objects, as psycopg's documentation does it."""
    return (
        *(UUID(bytes=row.event_id), to_datetime(row.occurred_at), to_datetime(row.received_at), None),
        *(store._lookups.types[row.event_type], row.time_flag, row.schema_id, store._lookups.devices[row.device]),
        *(row.user_key, row.visitor_key, row.session_key, row.page, row.route),
        Jsonb(orjson.loads(row.event_data), dumps=orjson.dumps),
        *(None if text == "default" else text for text in row[EventRow._fields.index("site") :]),
        0,
    )


def to_datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def plain_copy(connection: psycopg.Connection, values: Values) -> None:
    for batch in values:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types([*(column.type for column in COLUMNS), "int2"])
            for row in batch:
                copy.write_row(row)


def multi_row_insert(connection: psycopg.Connection, values: Values) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, HOT_NAMES))
    one = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * len(HOT_NAMES)))
    insert = sql.SQL("insert into raw_events ({}) values {} on conflict do nothing")
    statement = insert.format(names, sql.SQL(", ").join([one] * ROWS_PER_INSERT))
    for batch in values:
        with connection.transaction():
            for start in range(0, len(batch), ROWS_PER_INSERT):
                connection.execute(
                    statement, [value for row in batch[start : start + ROWS_PER_INSERT] for value in row]
                )


def decoded_rows(dsn: str, server: psutil.Process) -> None:
    """The three ways with rows that are decoded already, one after another; the median of several rounds."""
    store = PostgresStore(at(dsn), cluster_id="benchmark", topic="events", owner="benchmark")
    store.prepare()
    position = store.claim({0: 0})[0]
    found: dict[str, list[Figure]] = {}
    with psycopg.connect(dsn, autocommit=True, options="-c synchronous_commit=off") as connection:
        for number in range(ROUNDS):
            logs = [records(number * 100 + n) for n in range(BATCHES)]
            decoding = Meter(server)
            batches = [decode_batch({0: log}, {0: position}) for log in logs]
            found.setdefault("decoding only", []).append(decoding.read(ROWS * BATCHES))
            for batch in batches:
                batch.ranges[0].start, batch.ranges[0].next = position, position + ROWS
                position += ROWS
            store._lookups.add(connection, [row for _p, _r, row in batches[0].rows])
            values = [[python_values(store, row) for _p, _r, row in batch.rows] for batch in batches]
            for name, run in ways(store, connection, batches, values):
                connection.execute("truncate raw_events")
                connection.execute("checkpoint")
                meter = Meter(server)
                run()
                found.setdefault(name, []).append(meter.read(ROWS * BATCHES))
    store.close()
    for name, figures in found.items():
        rate, client, server_cpu = (
            statistics.median(getattr(figure, part) for figure in figures) for part in ("rate", "client", "server")
        )
        print(f"{name:<24}{Figure(rate, client, server_cpu)}")
    ratios = [
        ours.rate / plain.rate
        for ours, plain in zip(found["the sink's transactions"], found["plain binary COPY"], strict=True)
    ]
    print(f"the sink is {statistics.median(ratios):.2f}x of plain COPY ({min(ratios):.2f} to {max(ratios):.2f})")


def ways(
    store: PostgresStore, connection: psycopg.Connection, batches: Sequence[Batch], values: Values
) -> list[tuple[str, Callable[[], object]]]:
    return [
        ("plain binary COPY", lambda: plain_copy(connection, values)),
        ("the sink's transactions", lambda: [store.write(batch) for batch in batches]),
        ("multi-row inserts", lambda: multi_row_insert(connection, values)),
    ]


def whole_sink(bootstrap: str, dsn: str, server: psutil.Process) -> None:
    """A sink process that catches up with a topic of twelve partitions."""
    fill(bootstrap, "events", [record.value for n in range(TOPIC_RECORDS // ROWS) for record in records(n)])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("truncate raw_events, sink_offsets, landed")
        settings = {"KAFKA_BOOTSTRAP": bootstrap, "POSTGRES_DSN": dsn, "PROBE_PORT": str(ports.choose())}
        environ = {**os.environ, **{f"FOOTFALL_{name}": value for name, value in settings.items()}}
        with running([sys.executable, "-m", "sinks"], environ) as pid:
            landed = "select coalesce(sum(next_offset - first_offset), 0) from sink_offsets"
            print(f"{'the sink from Kafka':<24}{caught_up(connection, landed, TOPIC_RECORDS, pid, server)}")


def whole_debezium(bootstrap: str, dsn: str, server: psutil.Process) -> None:
    """Debezium's sink with the same rows, as JSON with schema."""
    debezium.create_table(dsn)
    fill(
        bootstrap,
        "rows",
        [debezium.message(as_json(record)) for n in range(DEBEZIUM_RECORDS // ROWS) for record in records(n)],
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        psycopg.connect(dsn, autocommit=True) as connection,
        debezium.connector(Path(folder), bootstrap, "rows", dsn) as pid,
    ):
        landed = "select count(*) from debezium_events"
        print(f"{'Debezium from Kafka':<24}{caught_up(connection, landed, DEBEZIUM_RECORDS, pid, server)}")


def as_json(record: KafkaRecord) -> dict[str, Any]:
    """A row as a JSON producer would write it."""
    ((_partition, _record, row),) = decode_batch({0: [record]}, {0: 0}).rows
    fields = row._asdict()
    return {
        **{name: fields[name] for name in debezium.TEXTS},
        "event_id": row.event_id.hex(),
        "occurred_at": row.occurred_at,
        "received_at": row.received_at,
        "event_type": 1,
        "schema_id": row.schema_id,
        "device": 1,
        "time_flag": row.time_flag,
        **{name: fields[name] and fields[name].hex() for name in debezium.KEYS},
        "event_data": row.event_data.decode(),
    }


def caught_up(connection: psycopg.Connection, landed: str, count: int, pid: int, server: psutil.Process) -> Figure:
    """Measure from when a first part has landed, so without start-up and JIT compilation, until everything has."""

    def done() -> int:
        (number,) = connection.execute(landed.encode()).fetchone() or (0,)
        return int(number)

    warm, deadline = count // 5, time.monotonic() + 300
    while (before := done()) < warm:
        assert time.monotonic() < deadline, "nothing landed"
        time.sleep(0.02)
    meter = Meter(server, psutil.Process(pid))
    while (now := done()) < count:
        assert time.monotonic() < deadline, f"{now} of {count}"
        time.sleep(0.02)
    return meter.read(count - before)


def fill(bootstrap: str, topic: str, values: Sequence[bytes | None]) -> None:
    """A topic of twelve partitions with these records."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(topic, 12)]).values():
        made.result(30)
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 20, "batch.size": 500_000, "compression.type": "lz4"}
    )
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % 12)
        if number % 5000 == 0:
            producer.poll(0)
            producer.flush(60)
    assert producer.flush(60) == 0


@contextmanager
def running(argv: list[str], environ: dict[str, str]) -> Iterator[int]:
    process = subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    with database() as dsn, broker() as bootstrap:
        server = server_process(dsn)
        decoded_rows(dsn, server)
        whole_sink(bootstrap, dsn, server)
        whole_debezium(bootstrap, dsn, server)


if __name__ == "__main__":
    main()
