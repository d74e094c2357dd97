"""What a reader waits for while events land hours late: phones that were offline, say.

footfall bench late

Three days of events and their visits, in column files. Then in turns: a few events land whose ids are of any time of the last
day, and the history of 24 hours is asked; once as it is, once with what is noted of such rows and visits removed, so that
their hours are read again. LATE_EVENTS: how many there are before, a million by default. LATE_ROWS: how many land each time, 20.
"""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

import psutil
import psycopg

from avro_schemas import event_ids
from benchmarks import history
from benchmarks.history import own_seconds, postgres_seconds
from dashboard.columns.plan import DAY
from dashboard.columns.service import Columns
from dashboard.history.query import parse_query
from dashboard.history.service import LAYOUT, HistoryService
from dashboard.history.visits import VISIT_LAYOUT
from dashboard.sql import Database
from sinks.landing.rows import decode_batch
from sinks.postgres.store import PostgresStore
from sinks.visits.derive import drain, step
from sinks.visits.queue import use_gap
from tests.support.database import at
from tests.support.events import Record, encoded, event, user_key

EVENTS = int(os.environ.get("LATE_EVENTS", "1000000"))
ROWS = int(os.environ.get("LATE_ROWS", "20"))
DAYS, ROUNDS = 3, 7


def late_records(chance: Random, first_offset: int) -> list[Record]:
    """Page views of any time of the last day."""
    made, now = [], time.time_ns() // 1_000_000
    for number in range(ROWS):
        moment = now - chance.randrange(DAY)
        fields = event(
            "page_view",
            moment,
            event_id=event_ids.generate(moment, chance.randbytes(10)),
            user_key=user_key(str(chance.randrange(5000))),
            page="/pricing",
        )
        made.append(Record(first_offset + number, now, None, encoded(fields)))
    return made


async def measure(dsn: str, connection: psycopg.Connection, folder: Path) -> None:
    """Print what a question costs after late events."""
    (pid,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
    server = psutil.Process(pid).parent()
    assert server
    columns = Columns(folder, Database(at(dsn)), LAYOUT, VISIT_LAYOUT, retention_days=90)
    columns._wake.set()
    await columns.build_round()
    columns._wake.set()
    await columns.build_round()
    service, chance = HistoryService(Database(at(dsn)), columns), Random(1)
    store = PostgresStore(at(dsn), cluster_id="benchmark", topic="events", owner="benchmark")
    store.prepare()
    position = store.claim({0: 0})[0]
    found: dict[str, list[tuple[float, float]]] = {"noted": [], "not noted": []}
    for number in range(1 + 2 * ROUNDS):
        store.write(decode_batch({0: late_records(chance, position)}, {0: position}))
        position += ROWS
        drain(connection)
        name = "noted" if number % 2 else "not noted"
        if name == "not noted":
            connection.execute("truncate rows_after_hour, visit_changes")
        query = parse_query({"range": "24h"}, datetime.now(UTC), 90)
        cpu, started = own_seconds() + postgres_seconds(server), time.perf_counter()
        answer = await service.run(query)
        seconds = time.perf_counter() - started
        assert answer.read, "column files answered"
        if number:
            found[name].append((seconds, own_seconds() + postgres_seconds(server) - cpu))
        columns._wake.set()
        await columns.build_round()
    for name, costs in found.items():
        wall, spent = (median(each[kind] for each in costs) for kind in (0, 1))
        print(f"{name}: {wall:.2f} s, {spent:.2f} CPU s; each {' '.join(f'{each[0]:.2f}' for each in costs)}")
    store.close()
    columns.close()


def main() -> None:
    with history.landed(EVENTS, DAYS) as (dsn, folder, connection):
        use_gap(connection, timedelta(minutes=30))
        while step(connection).entries:
            pass
        (visits,) = connection.execute("select count(*) from stored_visits").fetchone() or (0,)
        print(f"{visits:,} visits", flush=True)
        asyncio.run(measure(dsn, connection, folder / "columns"))


if __name__ == "__main__":
    main()
