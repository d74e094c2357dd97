"""The sinks with a real broker and a real Postgres: every event lands once."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from typer.testing import CliRunner

from avro_schemas import event_ids
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from footfall.cli import build
from service_kit.kafka.settings import KafkaSettings
from sinks.audit import audit
from tests.support.events import encoded, event, fresh_id, now_ms, user_key
from tests.support.landing import load, query, until_landed
from tests.support.topics import read_all, recreate, write
from tests.support.workers import Worker, sinks_worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

DAY_MS = 86_400_000


@pytest.fixture
def sinks(settings: KafkaSettings, postgres: str, tmp_path: Path) -> Iterator[list[Worker]]:
    """Two processes that are not started yet; both end with the test."""
    made = [sinks_worker(settings, postgres, tmp_path, number) for number in range(2)]
    yield made
    for worker in made:
        if worker.process:
            worker.kill()


async def assert_every_event_landed_once(settings: KafkaSettings, dsn: str) -> None:
    await until_landed(settings, dsn)
    records = await read_all(settings.kafka_bootstrap, settings.name("events"))
    ids = {codec.decode(record.value)[1]["event_id"] for record in records}
    rows = [event_id for (event_id,) in query(dsn, "select event_id from events")]
    assert len(rows) == len(ids)
    assert set(rows) == ids
    ((landed, duplicates),) = query(dsn, "select sum(rows), sum(duplicates) from landed")
    assert (landed, landed + duplicates) == (len(ids), len(records))


async def test_rows_hold_what_was_sent(settings: KafkaSettings, sinks: list[Worker], postgres: str) -> None:
    await asyncio.to_thread(sinks[0].start)
    now = now_ms()
    typed = event("form_submit", now, page="/signup", user_key=user_key("ann"))
    typed["event_data"] = {"form": "signup", "page": "/signup", "success": True}
    custom = event("click", now, page="/a", event_data={"n": 1, "x": None, "t": "ü", "f": 1.5})
    records = [(None, encoded(fields)) for fields in (typed, custom)]
    await write(settings.kafka_bootstrap, settings.name("events"), records)
    await until_landed(settings, postgres)
    rows = query(
        postgres, "select event_type, page, user_key, event_data, time_flag, browser from events order by 1"
    )
    assert rows == [
        ("click", "/a", None, {"n": 1, "x": None, "t": "ü", "f": 1.5}, "ok", "Chrome"),
        (
            "form_submit",
            "/signup",
            user_key("ann").hex(),
            {"form": "signup", "page": "/signup", "success": True},
            "ok",
            "Chrome",
        ),
    ]
    plan = query(
        postgres,
        "explain select * from events where event_uuid between id_from('2026-01-01Z') and id_from('2026-01-02Z')",
    )
    assert "raw_events_2" not in "".join(line for (line,) in plan)


async def test_two_processes_share_the_partitions(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    await asyncio.to_thread(sinks[0].start)
    await write(settings.kafka_bootstrap, settings.name("events"), load(1000, seed=1))
    await asyncio.to_thread(sinks[1].start)
    await write(settings.kafka_bootstrap, settings.name("events"), load(1000, seed=2))
    sinks[0].kill()
    await write(settings.kafka_bootstrap, settings.name("events"), load(1000, seed=3))
    await assert_every_event_landed_once(settings, postgres)


async def test_a_record_that_cannot_land_becomes_a_dead_letter_and_the_others_land(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    await asyncio.to_thread(sinks[0].start)
    good = [(None, encoded(event("click", now_ms()))) for _ in range(200)]
    # The collector rejects NUL, but other producers can write it.
    poison = encoded(event("click", now_ms(), event_data={"text": "a\0b"}))
    erasure = codec.encode(latest()["erasure"], {"user_key": "0" * 32, "requested_at": 1, "receipt": None})
    bad = [(None, b"rubbish"), (None, poison), (None, erasure)]
    await write(settings.kafka_bootstrap, settings.name("events"), [*good[:100], *bad, *good[100:]])
    await until_landed(settings, postgres)
    assert query(postgres, "select count(*) from events") == [(200,)]
    reasons = query(postgres, "select reason, record_value from dead_letters order by reason")
    assert reasons == [("prefix_missing", b"rubbish"), ("row_rejected", poison), ("schema_unexpected", erasure)]


async def test_a_stream_of_dead_letters_stops_landing_until_an_operator_accepts_it(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    await asyncio.to_thread(sinks[0].start)
    rubbish = [(b"%d" % n, b"rubbish") for n in range(150)]
    await write(settings.kafka_bootstrap, settings.name("events"), rubbish, partition=3)
    async with asyncio.timeout(30):
        while not sinks[0].metrics()["footfall_sink_breaker_open"]:
            await asyncio.sleep(0.1)
    assert not sinks[0].is_ready()
    assert "FOOTFALL_ACCEPT_DEAD_LETTERS" in sinks[0].log()
    assert query(postgres, "select count(*) from dead_letters") == [(0,)]
    await asyncio.to_thread(sinks[0].end, seconds=5)  # SIGTERM ends the wait for an operator
    sinks[0].set(accept_dead_letters=True)
    await asyncio.to_thread(sinks[0].start)
    await until_landed(settings, postgres)
    assert query(postgres, "select count(*) from dead_letters") == [(150,)]


async def test_records_that_kafka_removed_before_they_landed_are_a_gap_that_an_operator_accepts(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    name = settings.name("events")
    await asyncio.to_thread(sinks[0].start)
    await write(settings.kafka_bootstrap, name, [(b"k", encoded(event("click", now_ms()))) for _ in range(10)])
    await until_landed(settings, postgres)
    await asyncio.to_thread(sinks[0].end)
    ((partition, landed_to),) = query(postgres, "select part, next_offset from sink_offsets where next_offset > 0")
    await write(settings.kafka_bootstrap, name, [(b"k", encoded(event("click", now_ms()))) for _ in range(10)])
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    await admin.delete_records({TopicPartition(name, partition): RecordsToDelete(before_offset=landed_to + 7)})
    await admin.close()
    sinks[0].start(wait=0)
    assert sinks[0].process
    assert await asyncio.to_thread(sinks[0].process.wait, 20) == 70
    assert "FOOTFALL_ACCEPT_GAP" in sinks[0].log()
    sinks[0].set(accept_gap=True)
    await asyncio.to_thread(sinks[0].start)
    await until_rows(postgres, 13)
    with psycopg.connect(postgres, autocommit=True) as connection:
        faults = audit(connection).mismatches()
    assert len(faults) == 1  # the audit goes on naming what is lost


async def until_rows(dsn: str, count: int) -> None:
    async with asyncio.timeout(30):
        while query(dsn, "select count(*) from events") != [(count,)]:
            await asyncio.sleep(0.1)


async def test_a_missing_partition_is_created(settings: KafkaSettings, sinks: list[Worker], postgres: str) -> None:
    await asyncio.to_thread(sinks[0].start)
    old = now_ms() - 30 * DAY_MS
    record = encoded(event("click", now_ms(), event_id=fresh_id(old)))
    await write(settings.kafka_bootstrap, settings.name("events"), [(None, record)])
    await until_landed(settings, postgres)
    ((event_id,),) = query(postgres, "select event_id from events")
    assert event_ids.timestamp_ms(event_id) == old


async def test_the_sink_exits_with_advice_if_the_topic_lost_its_end(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    await asyncio.to_thread(sinks[0].start)
    await write(settings.kafka_bootstrap, settings.name("events"), load(100, seed=1))
    await until_landed(settings, postgres)
    await asyncio.to_thread(sinks[0].end)
    with psycopg.connect(postgres) as connection:
        connection.execute("update sink_offsets set next_offset = next_offset + 1000")
    sinks[0].start(wait=0)
    assert sinks[0].process
    assert await asyncio.to_thread(sinks[0].process.wait, 20) == 70
    assert "goes on from there" in sinks[0].log()


async def test_the_sink_exits_if_the_topic_was_recreated_until_an_operator_accepts_it(
    settings: KafkaSettings, sinks: list[Worker], postgres: str
) -> None:
    name = settings.name("events")
    await asyncio.to_thread(sinks[0].start)
    await write(settings.kafka_bootstrap, name, load(100, seed=1))
    await until_landed(settings, postgres)
    await asyncio.to_thread(sinks[0].end)
    await recreate(settings)
    # More than before, so the offset exists: only the id of the topic tells that it is another topic.
    await write(settings.kafka_bootstrap, name, load(150, seed=2))
    sinks[0].start(wait=0)
    assert sinks[0].process
    assert await asyncio.to_thread(sinks[0].process.wait, 20) == 70
    assert "FOOTFALL_ACCEPT_NEW_TOPIC" in sinks[0].log()
    before = query(postgres, "select count(*) from events")[0][0]
    sinks[0].set(accept_new_topic=True)
    await asyncio.to_thread(sinks[0].start)
    await until_landed(settings, postgres)
    ids = {codec.decode(record.value)[1]["event_id"] for record in await read_all(settings.kafka_bootstrap, name)}
    assert query(postgres, "select count(*) from events") == [(before + len(ids),)]
    with psycopg.connect(postgres, autocommit=True) as connection:
        assert audit(connection).mismatches() == []
    # While it runs, too.
    sinks[0].set(accept_new_topic=False)
    await asyncio.to_thread(sinks[0].end)
    await asyncio.to_thread(sinks[0].start)
    await recreate(settings)
    await write(settings.kafka_bootstrap, name, load(300, seed=3))
    assert await asyncio.to_thread(sinks[0].process.wait, 60) == 70, sinks[0].log()
    assert query(postgres, "select count(*) from events") == [(before + len(ids),)]


async def test_a_replay_of_the_topic_makes_no_row_twice(
    settings: KafkaSettings, sinks: list[Worker], postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(sinks[0].start)
    await write(settings.kafka_bootstrap, settings.name("events"), load(500, seed=1))
    await until_landed(settings, postgres)
    monkeypatch.setenv("FOOTFALL_POSTGRES_DSN", postgres)
    monkeypatch.setenv("FOOTFALL_KAFKA_BOOTSTRAP", settings.kafka_bootstrap)
    monkeypatch.setenv("FOOTFALL_TOPIC_PREFIX", settings.topic_prefix)
    replay = ["replay", "--from-offset", "10", "--json"]
    planned = json.loads(await asyncio.to_thread(run_command, *replay))
    assert planned["records"] > 300
    await until_landed(settings, postgres, seconds=1)  # it was only counted
    done = json.loads(await asyncio.to_thread(run_command, *replay, "--execute"))
    assert done == planned | {"executed": True}
    # The sink notices with its next batch that the stored offsets were moved.
    await write(settings.kafka_bootstrap, settings.name("events"), load(200, seed=2))
    await until_landed(settings, postgres)
    records = await read_all(settings.kafka_bootstrap, settings.name("events"))
    ids = {codec.decode(record.value)[1]["event_id"] for record in records}
    assert {event_id for (event_id,) in query(postgres, "select event_id from events")} == ids
    with psycopg.connect(postgres, autocommit=True) as connection:
        found = audit(connection)
    assert found.mismatches() == []
    assert found.rows_landed == len(ids)
    assert sum(account.earlier_reads for account in found.partitions) == planned["records"]


def run_command(*arguments: str) -> str:
    return CliRunner().invoke(build(arguments[0]), list(arguments)).output
