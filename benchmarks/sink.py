"""Landing against a bare binary COPY of the same rows into the same kind of table, in turn; then bytes an event.

footfall bench sink
"""

import statistics
import time
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson
import psycopg
from psycopg.types.json import Jsonb

from avro_schemas.event_ids import fresh
from benchmarks.parts import database
from sinks.inserting import COPY_DIRECT
from sinks.landing import Written
from sinks.postgres import PostgresStore
from sinks.rows import Batch, Row, SourceRecord, sift
from tests.events import Record, encoded, event, user_key

ROWS, BATCHES, ROUNDS = 5000, 8, 3
TYPES = [
    *("uuid", "timestamptz", "timestamptz", "timestamptz", "int2", "int4", "int4"),
    *("int2", "bytea", "bytea", "bytea", "text", "jsonb"),
]


def records(seed: int) -> list[SourceRecord]:
    """Events as they come: pages, referrers, some properties."""
    chance, now = Random(seed), time.time_ns() // 1_000_000
    made: list[SourceRecord] = []
    for offset in range(ROWS):
        page = f"/reports/{chance.randrange(500)}"
        data = {"page": page, "referrer": "/dashboard", "title": f"Report {chance.randrange(500)}"}
        fields = event(
            "page_view",
            now,
            event_id=fresh(now, chance.randbytes(10)),
            user_key=user_key(str(chance.randrange(5000))),
            ip_hash=user_key(str(chance.randrange(5000)) + "ip"),
            page=page,
            event_data=data,
        )
        made.append(Record(offset, now, None, encoded(fields)))
    return made


def plain(store: PostgresStore, row: Row) -> tuple[Any, ...]:
    """The values as psycopg's documentation writes them."""
    return (
        *(row.event_id, moment(row.occurred_at), moment(row.received_at), None),
        *(store._dictionaries.types[row.event_type], row.schema_id, store._dictionaries.devices[row.device]),
        *(row.time_flag, row.user_key, row.session_key, row.ip_hash, row.page),
        Jsonb(row.event_data, dumps=orjson.dumps),
    )


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def land(store: PostgresStore, batches: list[Batch]) -> tuple[float, Written]:
    started = time.monotonic()
    for batch in batches:
        written = store.write(batch)
    return time.monotonic() - started, written


def bare_copy(dsn: str, rows: list[list[tuple[Any, ...]]]) -> float:
    with psycopg.connect(dsn, autocommit=True, options="-c synchronous_commit=off") as connection:
        started = time.monotonic()
        for batch in rows:
            with connection.cursor() as cursor, cursor.copy(COPY_DIRECT) as copy:
                copy.set_types(TYPES)
                for row in batch:
                    copy.write_row(row)
        return time.monotonic() - started


def main() -> None:
    with database() as dsn:
        store = PostgresStore(dsn, cluster_id="benchmark", topic="events", owner="benchmark")
        store.prepare()
        position = store.offsets({0: 0})[0]
        ratios, landed, decoded = [], [], []
        for number in range(ROUNDS):
            logs = [records(number * 100 + n) for n in range(BATCHES)]
            started = time.monotonic()
            batches = []
            for log in logs:
                batch = sift({0: log}, {0: position})
                batch.spans[0].next = position = position + ROWS
                batches.append(batch)
            decoded.append(time.monotonic() - started)
            store._dictionaries.add(store._connected(), [row for _p, _r, row in batches[0].rows])
            values = [[plain(store, row) for _p, _r, row in batch.rows] for batch in batches]
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("truncate raw_events")
            bare = bare_copy(dsn, values)
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("truncate raw_events")
            took, _written = land(store, batches)
            ratios.append(bare / took)
            landed.append(took)
        count = ROWS * BATCHES
        seconds = statistics.median(landed)
        both = seconds + statistics.median(decoded)
        print(
            f"landing decoded rows: {count / seconds:,.0f} rows/s, {statistics.median(ratios):.2f}x of bare COPY"
        )
        print(f"decoding included, one after the other: {count / both:,.0f} rows/s")
        with psycopg.connect(dsn) as connection:
            (size,) = connection.execute(
                "select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'raw_events'::regclass"
                " and pg_relation_size(inhrelid) > 0"
            ).fetchone() or (0,)
        print(f"bytes an event, indexes included: {int(size) / count:.0f}")
        store.close()


if __name__ == "__main__":
    main()
