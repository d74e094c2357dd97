"""Postgres is unavailable, disconnected at the worst moment, silent, slow, full, read-only or altered.

The sink waits and remains in its group. Nothing is lost or lands twice, and an outage never makes a dead letter.
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from service_kit.kafka.settings import KafkaSettings
from tests.support.landing import assert_nothing_lost_or_double, load, query, until_landed
from tests.support.postgres_servers import PostgresServer
from tests.support.proxies import Proxy
from tests.support.topics import write
from tests.support.workers import Worker, sinks_worker

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(240)]

STATEMENT_SECONDS = 1.0
LONG_ONLY = pytest.mark.skipif("FAULT_KILLS" not in os.environ, reason="takes minutes: make faults-sinks")


@pytest.fixture
def proxy(postgres: str) -> Iterator[Proxy]:
    made = Proxy(int(conninfo.conninfo_to_dict(postgres)["port"]))
    yield made
    made.stop()


@pytest.fixture
def sink(settings: KafkaSettings, postgres: str, proxy: Proxy, tmp_path: Path) -> Iterator[Worker]:
    """A sink that was started and reaches Postgres through the proxy."""
    made = worker(settings, conninfo.make_conninfo(postgres, port=proxy.port), tmp_path)
    made.start()
    yield made
    made.kill()


def worker(settings: KafkaSettings, dsn: str, folder: Path) -> Worker:
    return sinks_worker(settings, dsn, folder, statement_timeout_seconds=STATEMENT_SECONDS)


async def some(settings: KafkaSettings, seed: int, count: int = 300) -> None:
    await write(settings.kafka_bootstrap, settings.name("events"), load(count, seed))


async def assert_unharmed(settings: KafkaSettings, dsn: str, sink: Worker) -> None:
    """Every event landed once, there are no dead letters, and the process never left its group."""
    await assert_nothing_lost_or_double(settings, dsn, seconds=60)
    assert query(dsn, "select count(*) from dead_letters") == [(0,)]
    assert sink.process
    assert sink.process.poll() is None
    # Once, at the start: another one would be a rebalance, or a heartbeat that was missed.
    assert sink.log(10_000).count("Setting newly assigned partitions") == 1


async def test_nothing_is_lost_or_lands_twice_if_the_connection_breaks_at_the_worst_moment(
    settings: KafkaSettings, sink: Worker, proxy: Proxy, postgres: str
) -> None:
    moments = [
        (b"copy raw_events", False),  # before the COPY is heard
        (b"copy raw_events", True),  # in the middle of it: Postgres asks for rows, nobody sends them
        (b"update sink_offsets as stored", True),  # the offsets are moved, in a transaction that nobody ends
        (b"COMMIT", False),  # in doubt: it did not happen
        (b"COMMIT", True),  # in doubt: it did
    ]
    for number, (words, after) in enumerate(moments):
        done = proxy.cut_at(words, after=after)
        await some(settings, seed=number)
        assert await asyncio.to_thread(done.wait, 30), (words, sink.log())
        await until_landed(settings, postgres)
    await assert_unharmed(settings, postgres, sink)


@LONG_ONLY
async def test_a_silent_or_half_open_connection_is_given_up_and_a_slow_one_is_not(
    settings: KafkaSettings, sink: Worker, proxy: Proxy, postgres: str
) -> None:
    proxy.stop_forwarding()
    await some(settings, seed=1)
    await asyncio.sleep(2)
    assert sink.is_ready()  # it has not noticed yet
    proxy.resume_forwarding()
    await until_landed(settings, postgres)
    proxy.close_server_sides()
    await some(settings, seed=2)
    await until_landed(settings, postgres)
    waits = sink.metrics()['footfall_sink_write_retries_total{sqlstate_class="08"}']
    assert waits >= 2
    proxy.delay = 0.2
    await some(settings, seed=3)
    await until_landed(settings, postgres)
    proxy.delay = 0
    assert sink.metrics()['footfall_sink_write_retries_total{sqlstate_class="08"}'] == waits
    await assert_unharmed(settings, postgres, sink)


@LONG_ONLY
async def test_batches_that_time_out_are_written_as_smaller_ones(
    settings: KafkaSettings, sink: Worker, postgres: str
) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "create function dawdle() returns trigger language plpgsql as"
            " $$ begin perform pg_sleep(0.004); return new; end $$"
        )
        connection.execute(
            "create trigger dawdle before insert on raw_events for each row execute function dawdle()"
        )
    await some(settings, seed=1, count=700)  # one batch would take almost three seconds
    await until_landed(settings, postgres, seconds=60)
    assert sink.metrics()["footfall_sink_batch_shrinks_total"] >= 1
    await assert_unharmed(settings, postgres, sink)


@LONG_ONLY
async def test_the_sink_waits_while_the_server_is_read_only_or_lacks_a_column(
    settings: KafkaSettings, sink: Worker, postgres: str
) -> None:
    name = conninfo.conninfo_to_dict(postgres)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"alter database {name} set default_transaction_read_only = on".encode())
        end_connections(postgres)
        await some(settings, seed=1)
        await until_metric(sink, 'footfall_sink_write_retries_total{sqlstate_class="25"}')
        connection.execute("set default_transaction_read_only = off")
        connection.execute(f"alter database {name} reset default_transaction_read_only".encode())
        end_connections(postgres)
        await until_landed(settings, postgres)

        connection.execute("alter table raw_events rename column page to page_of_old")
        await some(settings, seed=2)
        await until_metric(sink, "footfall_sink_halted")
        assert not sink.is_ready()
        assert "42703" in sink.log()
        connection.execute("alter table raw_events rename column page_of_old to page")
        await until_landed(settings, postgres)
    assert sink.metrics()["footfall_sink_halted"] == 0
    await assert_unharmed(settings, postgres, sink)


def end_connections(dsn: str) -> None:
    query(dsn, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'footfall-sinks'")


async def until_metric(sink: Worker, name: str) -> None:
    found = None
    async with asyncio.timeout(30):
        while not found:
            await asyncio.sleep(0.05)
            with suppress(OSError):  # it may just be starting
                found = sink.metrics().get(name)


async def test_nothing_is_lost_or_lands_twice_if_the_server_crashes_under_load(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path)
    sink = worker(settings, server.dsn, tmp_path)
    try:
        sink.start()
        for number in range(3):
            writing = asyncio.create_task(some(settings, seed=number, count=1000))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.stop_immediately)
            await writing
            # Commits that were not on disk yet are lost, their offsets with them: the events are landed again.
            await asyncio.to_thread(server.start)
        await assert_unharmed(settings, server.dsn, sink)
    finally:
        sink.kill()
        server.stop()


async def test_a_promoted_replica_gets_the_events_again_that_it_had_not_received(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path / "first")
    line = Proxy(server.port)
    replica = server.replica(tmp_path / "second", line.port)
    both = {"host": "127.0.0.1,127.0.0.1", "port": f"{server.port},{replica.port}"}
    dsn = conninfo.make_conninfo(server.dsn, **both, target_session_attrs="read-write")
    sink = worker(settings, dsn, tmp_path)
    try:
        sink.start()
        await some(settings, seed=1)
        await until_landed(settings, replica.dsn)
        line.stop_forwarding()
        await some(settings, seed=2)
        await until_landed(settings, server.dsn)
        await asyncio.to_thread(server.stop_immediately)
        assert query(replica.dsn, "select sum(next_offset) from sink_offsets")[0][0] < 400
        await asyncio.to_thread(replica.promote)
        await some(settings, seed=3)
        await assert_unharmed(settings, replica.dsn, sink)
    finally:
        sink.kill()
        line.stop()
        server.stop()
        replica.stop()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a file system that is small enough to be full")
    shutil.chown(folder, "nobody")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@LONG_ONLY
async def test_the_sink_waits_while_the_disk_is_full(
    settings: KafkaSettings, tiny_disk: Path, tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path)
    sink = worker(settings, server.dsn, tmp_path)
    filler = tiny_disk / "filler"
    try:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(f"create tablespace tiny location '{tiny_disk}'".encode())
            connection.execute("alter database footfall set default_tablespace = tiny")
        sink.start()
        await some(settings, seed=1)
        await until_landed(settings, server.dsn)
        fill(filler)
        await some(settings, seed=2, count=3000)
        await until_metric(sink, 'footfall_sink_write_retries_total{sqlstate_class="53"}')
        assert "No space left on device" in sink.log(10_000)
        await asyncio.sleep(1)
        filler.unlink()
        await assert_unharmed(settings, server.dsn, sink)
    finally:
        sink.kill()
        server.stop()


def fill(path: Path) -> None:
    """Fill the file system."""
    with path.open("wb") as file:
        try:
            while True:
                file.write(bytes(65536))
                file.flush()
        except OSError:
            return


async def test_a_sink_that_starts_while_postgres_is_unavailable_reports_its_lag(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path)
    sink = worker(settings, server.dsn, tmp_path)
    try:
        sink.start()
        await some(settings, seed=1)
        await until_landed(settings, server.dsn)
        sink.end()
        server.stop_immediately()
        records = load(300, seed=2)
        await write(settings.kafka_bootstrap, settings.name("events"), records)
        sink.start(wait=0)
        await until_metric(sink, "footfall_sink_lag_records")
        assert sink.metrics()["footfall_sink_lag_records"] == len(records)
        server.start()
        await assert_nothing_lost_or_double(settings, server.dsn)
    finally:
        sink.kill()
        server.stop()


@LONG_ONLY
async def test_an_outage_is_noticed_and_landing_goes_on_soon_after_it(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path)
    sink = worker(settings, server.dsn, tmp_path)
    try:
        sink.start()
        await asyncio.to_thread(server.stop_immediately)
        await some(settings, seed=1)
        await asyncio.sleep(8)  # longer than the group session timeout
        assert not sink.is_ready()
        assert sink.metrics()["footfall_sink_lag_records"] > 250
        assert sink.metrics()["footfall_sink_paused_seconds_total"] > 3
        await asyncio.to_thread(server.start)
        back = time.monotonic()
        await until_landed(settings, server.dsn)
        assert time.monotonic() - back < 15
        await assert_unharmed(settings, server.dsn, sink)
    finally:
        sink.kill()
        server.stop()
