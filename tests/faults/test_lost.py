"""Lost data is restored as docs/operating.md says: Postgres from a dump, Kafka as an empty cluster."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from avro_schemas.wire.codec import decode
from footfall.cli import build
from footfall.kafka.topics import create_missing
from footfall.local import postgres_programs
from service_kit.kafka.settings import KafkaSettings
from sinks.audit import audit
from tests.support.events import encoded, event, now_ms, user_key
from tests.support.kafka_brokers import KafkaBroker
from tests.support.landing import assert_nothing_lost_or_double, load, query, until_landed
from tests.support.postgres_servers import PostgresServer
from tests.support.topics import read_all, write
from tests.support.workers import Worker, sinks_worker

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(180)]

ANN = user_key("ann")
ROWS_OF_ANN = f"select count(*) from events where user_key = '{ANN.hex()}'"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    created = PostgresServer(tmp_path / "postgres")
    yield created
    created.stop()


@pytest.fixture
def sink(settings: KafkaSettings, server: PostgresServer, tmp_path: Path) -> Iterator[Worker]:
    """A running sink."""
    created = sinks_worker(settings, server.dsn, tmp_path)
    created.start()
    yield created
    created.kill()


async def test_a_dump_is_restored_and_later_events_are_read_again(
    settings: KafkaSettings, server: PostgresServer, sink: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = settings.name("events")
    events_of_ann = [(ANN, encoded(event("click", now_ms(), user_key=ANN))) for _ in range(10)]
    await write(settings.kafka_bootstrap, events, [*load(300, seed=1), *events_of_ann])
    await until_landed(settings, server.dsn)
    dump = tmp_path / "footfall.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", server.dsn)

    await erase(settings, server, monkeypatch, "--user-key", ANN.hex())
    await write(settings.kafka_bootstrap, events, load(300, seed=2))
    await until_landed(settings, server.dsn)
    assert query(server.dsn, ROWS_OF_ANN) == [(0,)]

    sink.end()
    with psycopg.connect(server.dsn.replace("/footfall", "/postgres"), autocommit=True) as connection:
        connection.execute("drop database footfall with (force)")
        connection.execute("create database footfall")
        connection.execute("alter database footfall set search_path = footfall")
    run("pg_restore", f"--dbname={server.dsn}", "--exit-on-error", str(dump))
    assert query(server.dsn, ROWS_OF_ANN) == [(10,)]

    sink.start()
    await write(settings.kafka_bootstrap, events, load(300, seed=3))
    await until_landed(settings, server.dsn)
    await erase(settings, server, monkeypatch, "--reapply")
    assert query(server.dsn, ROWS_OF_ANN) == [(0,)]
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        assert audit(connection).mismatches() == []
    ids = {fields["event_id"] for fields in await published(settings) if fields["user_key"] != ANN.hex()}
    rows = [event_id for (event_id,) in query(server.dsn, "select event_id from events")]
    assert (len(rows), set(rows)) == (len(ids), ids)


async def test_an_empty_cluster_takes_over_and_rows_of_both_clusters_stay(
    settings: KafkaSettings, server: PostgresServer, sink: Worker, tmp_path: Path
) -> None:
    await write(settings.kafka_bootstrap, settings.name("events"), load(300, seed=1))
    await assert_nothing_lost_or_double(settings, server.dsn)
    ((before,),) = query(server.dsn, "select count(*) from events")
    sink.end()
    broker = KafkaBroker(tmp_path / "kafka")
    try:
        empty = KafkaSettings(kafka_bootstrap=broker.bootstrap, topic_prefix=settings.topic_prefix)
        await create_missing(empty)
        await write(empty.kafka_bootstrap, empty.name("events"), load(200, seed=2))
        sink.set(kafka_bootstrap=empty.kafka_bootstrap)
        sink.start(wait=0)
        assert sink.process
        assert sink.process.wait(20) == 70
        assert "FOOTFALL_ACCEPT_NEW_TOPIC" in sink.log()
        sink.set(accept_new_topic=True)
        sink.start()
        await until_landed(empty, server.dsn)
        sink.end()
        ids = {fields["event_id"] for fields in await published(empty)}
        assert query(server.dsn, "select count(*) from events") == [(before + len(ids),)]
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            assert audit(connection).mismatches() == []
    finally:
        sink.kill()
        broker.end()


def run(program: str, *arguments: str) -> None:
    subprocess.run([postgres_programs.find().folder / program, *arguments], check=True)


async def erase(
    settings: KafkaSettings, server: PostgresServer, monkeypatch: pytest.MonkeyPatch, *which: str
) -> None:
    monkeypatch.setenv("FOOTFALL_POSTGRES_DSN", server.dsn)
    monkeypatch.setenv("FOOTFALL_KAFKA_BOOTSTRAP", settings.kafka_bootstrap)
    monkeypatch.setenv("FOOTFALL_TOPIC_PREFIX", settings.topic_prefix)
    # In a thread, as the command starts its own event loop.
    ran = await asyncio.to_thread(CliRunner().invoke, build("erase"), ["erase", *which])
    assert ran.exit_code == 0, ran.output


async def published(settings: KafkaSettings) -> list[dict[str, object]]:
    """The fields of every event of the topic."""
    return [
        decode(record.value)[1] for record in await read_all(settings.kafka_bootstrap, settings.name("events"))
    ]
