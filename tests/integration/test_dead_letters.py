"""Dead letters with a real broker and a real Postgres: published, shown, and landed after a fix."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from typer.testing import CliRunner

from avro_schemas.wire.codec import decode
from footfall.cli import build
from service_kit.kafka.record import Headers
from service_kit.kafka.settings import KafkaSettings
from sinks.audit import audit
from sinks.dead_letters.outbox import Outbox
from sinks.dead_letters.record import record_headers
from sinks.dead_letters.relay import Relay
from sinks.dead_letters.table import StoredDeadLetter
from sinks.landing.rows import decode_batch
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.events import Record, encoded, event, fresh_id, now_ms
from tests.support.topics import read_all

pytestmark = pytest.mark.integration

HEADERS = [("ce_type", b"click"), ("__connect.errors.topic", b"elsewhere"), ("odd", b"\xff\x00")]


@pytest.fixture
def dsn(postgres: str, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with one row and two dead letters, at offsets 0 to 2. The environment names it and Kafka."""
    now = now_ms()
    poison = encoded(event("click", now, event_id=fresh_id(now), event_data={"text": "a\0b"}))
    values = [encoded(event("click", now)), poison, b"rubbish"]
    records = [Record(offset, now, b"key", value, HEADERS) for offset, value in enumerate(values)]
    store = PostgresStore(at(postgres), cluster_id="c", topic=settings.name("events"), owner="test")
    store.prepare()
    store.claim({0: 0})
    store.write(decode_batch({0: records}, {0: 0}))
    store.close()
    for name, value in (
        ("POSTGRES_DSN", postgres),
        ("KAFKA_BOOTSTRAP", settings.kafka_bootstrap),
        ("TOPIC_PREFIX", settings.topic_prefix),
    ):
        monkeypatch.setenv(f"FOOTFALL_{name}", value)
    return postgres


def run(command: str, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(build(command), [command, *arguments])
    return result.exit_code, result.output


async def arun(command: str, *arguments: str) -> tuple[int, str]:
    return await asyncio.to_thread(run, command, *arguments)


@asynccontextmanager
async def relaying(settings: KafkaSettings, dsn: str) -> AsyncIterator[None]:
    """Run a relay meanwhile."""
    stopping = asyncio.Event()
    task = asyncio.create_task(Relay(settings, Outbox(at(dsn))).run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


async def until_published(dsn: str) -> None:
    pending = "select count(*) from dead_letters where published_at is null"
    async with asyncio.timeout(20):
        while fetch(dsn, pending) != [(0,)]:
            await asyncio.sleep(0.1)


def fetch(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


async def test_the_relay_publishes_once_and_with_the_headers_of_kafka_connect(
    settings: KafkaSettings, dsn: str
) -> None:
    async with relaying(settings, dsn):
        await until_published(dsn)
    async with relaying(settings, dsn):  # nothing is pending any more
        await asyncio.sleep(1.5)
    records = await read_all(settings.kafka_bootstrap, settings.name("events-rejected"))
    published = {record["source_offset"]: record for record in (decode(each.value)[1] for each in records)}
    assert len(records) == 2
    assert [published[offset]["reason"] for offset in (1, 2)] == ["row_rejected", "prefix_missing"]
    assert published[1]["event_type"] == "click"
    assert published[1]["event_id"].startswith("evt_")
    assert published[2]["body"] == b"rubbish"
    assert {each["rejected_by"] for each in published.values()} == {"sinks"}
    headers = next(record.headers for record in records if decode(record.value)[1]["source_offset"] == 1)
    assert headers[:3] == tuple(HEADERS)  # the original record's come first, unchanged
    named = dict(headers)
    assert named["__connect.errors.topic"] == b"elsewhere"
    assert named["__connect.errors.partition"] == b"0"
    assert named["__connect.errors.offset"] == b"1"
    assert named["__connect.errors.stage"] == b"TASK_PUT"
    assert named["__connect.errors.exception.class.name"] == b"row_rejected"
    assert b"\\u0000" in named["__connect.errors.exception.message"]


async def test_only_one_of_two_relays_publishes(settings: KafkaSettings, dsn: str) -> None:
    async with relaying(settings, dsn), relaying(settings, dsn):
        await until_published(dsn)
    assert len(await read_all(settings.kafka_bootstrap, settings.name("events-rejected"))) == 2


def test_headers_that_a_record_has_are_never_overwritten() -> None:
    def dead_letter(headers: Headers) -> StoredDeadLetter:
        return StoredDeadLetter(1, "events", 3, 17, 0, "prefix_missing", "no prefix", None, b"x", headers)

    added = record_headers(dead_letter([("a", None)]))
    assert added[0] == ("a", None)
    present = [(name, b"mine") for name, _value in added]
    assert record_headers(dead_letter(present)) == present


def test_dead_letters_are_exported_and_shown_completely(dsn: str) -> None:
    code, output = run("dead-letters", "export", "--reason", "row_rejected")
    assert code == 0
    exported = json.loads(output)
    assert (exported["partition"], exported["offset"], exported["sqlstate"]) == (0, 1, "22P05")
    assert base64.b64decode(exported["key"]) == b"key"
    assert [(name, base64.b64decode(value)) for name, value in exported["headers"]] == HEADERS
    code, output = run("dead-letters", "show", str(exported["id"]))
    assert code == 0
    assert json.loads(output) == exported
    assert run("dead-letters", "show", "999")[0] == 1
    assert len(run("dead-letters", "export")[1].splitlines()) == 2
    assert run("dead-letters", "export", "--since", "0")[1] == ""


def test_only_the_selected_dead_letters_are_retried(dsn: str) -> None:
    counted = '{"prefix_missing": 1, "row_rejected": 1}'
    assert run("replay", "--json") == (0, counted + "\n")
    fix(dsn)
    assert run("replay", "--json") == (0, counted + "\n")  # nothing was done yet
    assert json.loads(run("replay", "--json", "--limit", "1")[1]) == {"prefix_missing": 1}
    assert run("replay", "--reason", "prefix_missing", "--execute")[0] == 1
    assert fetch(dsn, "select reason, attempts from dead_letters order by record_offset") == [
        ("row_rejected", 1),
        ("prefix_missing", 2),
    ]
    ((number,),) = fetch(dsn, "select id from dead_letters where reason = 'row_rejected'")
    code, output = run("replay", "--id", str(number), "--execute", "--json")
    assert (code, json.loads(output)) == (0, {"rows": 1, "duplicates": 0, "erased": 0, "still_dead": 0})
    assert json.loads(run("replay", "--id", str(number), "--execute", "--json")[1])["rows"] == 0
    assert fetch(dsn, "select count(*) from events") == [(2,)]
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert audit(connection).mismatches() == []


def test_dead_letters_of_two_topics_with_one_offset_are_replayed_one_after_the_other(dsn: str) -> None:
    """A topic that was recreated under its name uses its offsets a second time."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "insert into dead_letters (cluster_id, topic, part, record_offset, reason, detail, record_value, appended_at)"
            " select 'earlier', topic, part, record_offset, reason, detail, record_value, appended_at from dead_letters"
            " where record_offset = 1"
        )
        connection.execute("update landed set read = read + 1, dead_letters = dead_letters + 1")
        connection.execute("update sink_offsets set earlier_reads = earlier_reads + 1")
    fix(dsn)
    for rows, duplicates in ((1, 0), (0, 1), (0, 0)):
        output = json.loads(run("replay", "--reason", "row_rejected", "--execute", "--json")[1])
        assert (output["rows"], output["duplicates"]) == (rows, duplicates)
        with psycopg.connect(dsn, autocommit=True) as connection:
            assert audit(connection).mismatches() == []


@pytest.mark.parametrize("state", ["detaching", "detached", "dropped"])
def test_dead_letters_of_dropped_days_are_not_retried(dsn: str, state: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into days (day, state, rows) values (current_date, %s, 0)", [state])
    assert run("replay", "--json") == (0, "{}\n")


def fix(dsn: str) -> None:
    """As if the code that could not write the row had been fixed."""
    fixed = encoded(event("click", now_ms()))
    with psycopg.connect(dsn) as connection:
        connection.execute("update dead_letters set record_value = %s where record_offset = 1", [fixed])
