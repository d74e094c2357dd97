"""What no code can read, in every topic and on the broker's disk: it costs itself, in every reader."""

import asyncio
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from avro_schemas.wire.codec import decode_values
from footfall.cli import build
from footfall.kafka.topics import TopicOptions, create_missing
from service_kit.kafka.settings import KafkaSettings
from sinks.audit import audit
from tests.support.events import encoded, event, now_ms, user_key
from tests.support.kafka_brokers import KafkaBroker
from tests.support.landing import query
from tests.support.record_batches import produce, record_batch
from tests.support.topics import KeyAndValue, read_all, write
from tests.support.workers import Worker, sinks_worker

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(240)]

NOT_UTF8 = b"\xff\xfe-head"
CHANGELOG = "footfall-stream-app-state-changelog"
DERIVED = ("user-rates", "live-aggregates", "events-rejected", "erasures", CHANGELOG)
RUBBISH = [
    (b"test", b"hello"),
    (b"\xff|c", b"12345678"),
    (b"0|c", b"x"),
    (b"0|c", struct.pack(">q", 2**40) + b"oops"),
    (b"event", encoded(event("click"))),
]


def clicks(count: int) -> list[KeyAndValue]:
    now, key = now_ms(), user_key("ann")
    return [(key, encoded(event("click", now, user_key=key))) for _ in range(count)]


def measured(*, schema_id: int | None = None) -> bytes:
    """A measurement as older versions accepted it, and with the schema id that they may have given it."""
    value = encoded(event("web_vital", now_ms(), event_data={"metric": "LCP", "value": 1.79e308}))
    return value if schema_id is None else b"\0" + struct.pack(">i", schema_id) + value[5:]


def large() -> list[tuple[bytes | None, bytes | None]]:
    """An event that a topic of copies has no room for, and foreign records that fill what `events` takes."""
    event_data = {"text": "x" * 1_000_000}
    return [
        (b"0" * 32, encoded(event("click", now_ms(), event_data=event_data))),
        (b"\xff" * 500_000, b"v" * 500_000),
    ]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    started = KafkaBroker(tmp_path / "kafka")
    yield started
    started.end()


@pytest.fixture
def workers(broker: KafkaBroker, postgres: str, tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    """The sinks and the stream app, not started yet."""
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap)
    counting = Worker(
        "stream_app",
        tmp_path / "stream.log",
        kafka_bootstrap=broker.bootstrap,
        group_session_timeout_seconds=6,
        event_topics="click",
    )
    created = sinks_worker(settings, postgres, tmp_path), counting
    yield created
    for worker in created:
        if worker.process:
            worker.kill()


async def test_each_costs_itself_and_a_damaged_batch_only_its_partition(
    broker: KafkaBroker,
    workers: tuple[Worker, Worker],
    postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sink, counting = workers
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap)
    await create_missing(settings, TopicOptions(partitions=2, replication_factor=1), ["click"])
    for _ in range(5):
        await write(broker.bootstrap, "events", clicks(10), partition=0)
    # Partition 1: ten clicks, three of which the second has a bad name of a header, a large one, a foreign one, and
    # two records of an older version.
    await write(broker.bootstrap, "events", clicks(10), partition=1)
    odd = record_batch(0, 3, header={1: NOT_UTF8}, records=clicks(3), timestamp=now_ms())
    await produce(broker.bootstrap, "events", 1, odd)
    for record in large():
        await produce(broker.bootstrap, "events", 1, record_batch(0, 1, records=[record], timestamp=now_ms()))
    await write(broker.bootstrap, "events", [(None, measured()), (None, measured(schema_id=4_711))], partition=1)
    for topic in DERIVED:
        for record in RUBBISH:
            await produce(broker.bootstrap, topic, 0, record_batch(0, 1, records=[record], timestamp=now_ms()))
        odd = record_batch(0, 1, header={0: NOT_UTF8}, records=[(b"0|c", b"value")], timestamp=now_ms())
        await produce(broker.bootstrap, topic, 0, odd)
    broker.stop()
    damage(tmp_path / "kafka/log/events-0", 2)
    broker.start()

    for worker in workers:
        worker.start(wait=0)
    await until(lambda: query(postgres, "select count(*) from raw_events") == [(20 + 10 + 2 + 1 + 1,)], sink)
    await counts(counting, 34, 3)
    for worker in workers:
        assert "events/0 stops at the damaged batch at offset 20" in (worker.unready_because() or "")
        assert not worker.says_that_it_is_dead()
    assert sink.metrics()['footfall_sink_damaged_batch_offset{partition="0"}'] == 20
    stopped = counting.metrics()['footfall_stream_damaged_batch_offset{partition="0",topic="events"}']
    assert stopped == 20
    await write(broker.bootstrap, "events", clicks(10), partition=1)
    await until(lambda: query(postgres, "select count(*) from raw_events") == [(44,)], sink)
    await asyncio.to_thread(commands_bear_it, broker, postgres, monkeypatch)

    for worker in workers:
        worker.end()
        worker.set(skip_batches="events:0:20")
        worker.start(wait=60)
    await until(lambda: query(postgres, "select sum(next_offset) from sink_offsets") == [(77,)], sink)
    await counts(counting, 64, 13)
    assert query(postgres, "select count(*) from raw_events") == [(64,)]
    found = dict(query(postgres, "select reason, count(*) from dead_letters group by 1"))
    assert found == {"record_unreadable": 11, "prefix_missing": 1, "schema_unknown": 1}
    with psycopg.connect(postgres, autocommit=True) as connection:
        assert audit(connection).mismatches() == []
    pending = "select count(*) from dead_letters where published_at is null"
    await until(lambda: query(postgres, pending) == [(0,)], sink)
    reported = await reported_by_both(broker, 11)
    # An event for whose copy its own topic has no room.
    assert reported["stream_app", "too_large"] >= 1
    counting.kill()
    counting.start(wait=60)
    assert outcomes(counting) == {"counted": 64, "rejected": 13}
    await a_damaged_state_is_counted_again(broker, counting, tmp_path)


async def a_damaged_state_is_counted_again(broker: KafkaBroker, counting: Worker, folder: Path) -> None:
    counting.kill()
    broker.stop()
    at = damage(folder / f"kafka/log/{CHANGELOG}-0", -2)
    broker.start()
    counting.start(wait=0)
    stops = f"FOOTFALL_SKIP_BATCHES={CHANGELOG}:0:{at} to count partition 0 again, from the first record of events"
    await until(lambda: stops in (counting.unready_because() or ""), counting)
    assert not counting.says_that_it_is_dead()
    counting.end()
    counting.set(skip_batches=f"events:0:20,{CHANGELOG}:0:{at}")
    counting.start(wait=60)
    await counts(counting, 64, 13)
    assert "counting it again" in counting.log()


def damage(folder: Path, number: int) -> int:
    """Change a bit in a batch of a partition, on the broker's disk; its offset."""
    segment = max(folder.glob("*.log"))
    data, at, batches = bytearray(segment.read_bytes()), 0, list[tuple[int, int, int]]()
    while at + 12 <= len(data) and (size := struct.unpack_from(">i", data, at + 8)[0]):
        batches.append((at, size, struct.unpack_from(">q", data, at)[0]))
        at += 12 + size
    at, size, offset = batches[number]
    data[at + 12 + size - 3] ^= 1
    segment.write_bytes(data)
    return offset


def outcomes(worker: Worker) -> dict[str, int]:
    """What became of the records, by the states of all partitions."""
    try:
        partitions = worker.get("/state")["partitions"].values()
    except OSError:
        return {}
    found = [{name: partition["outcomes"][name] for name in ("counted", "rejected")} for partition in partitions]
    return {name: sum(each[name] for each in found) for name in ("counted", "rejected")}


async def rejections(broker: KafkaBroker) -> Counter[tuple[str, str]]:
    """The records of `events-rejected`, by service and reason. Others wrote there too."""
    found = Counter[tuple[str, str]]()
    for record in await read_all(broker.bootstrap, "events-rejected"):
        for rejected in decode_values([record.value], "rejected_event"):
            found[rejected["rejected_by"], rejected["reason"]] += 1
    return found


async def reported_by_both(broker: KafkaBroker, records: int) -> Counter[tuple[str, str]]:
    """Wait until both readers have reported that many unreadable records: the stream app does with its checkpoint."""
    found = Counter[tuple[str, str]]()
    for _ in range(60):
        found = await rejections(broker)
        if min(found[service, "record_unreadable"] for service in ("sinks", "stream_app")) >= records:
            return found
        await asyncio.sleep(0.5)
    pytest.fail(f"reported: {found}")


async def counts(worker: Worker, counted: int, rejected: int) -> None:
    """Wait until the stream app has counted that many events and rejected that many records."""
    found: dict[str, int] = {}
    for _ in range(300):
        found = await asyncio.to_thread(outcomes, worker)
        if found == {"counted": counted, "rejected": rejected}:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{found}\n{worker.unready_because()}\n{worker.log()}")


async def until(holds: Callable[[], bool], worker: Worker) -> None:
    for _ in range(300):
        try:
            if await asyncio.to_thread(holds):
                return
        except psycopg.errors.UndefinedTable:
            pass
        await asyncio.sleep(0.2)
    assert holds(), f"{worker.unready_because()}\n{worker.log()}"


def commands_bear_it(broker: KafkaBroker, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_KAFKA_BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("FOOTFALL_POSTGRES_DSN", postgres)
    monkeypatch.setenv("FOOTFALL_HASH_KEY", "0123456789abcdefghijklmnop")
    for command in (
        ("erase", "--reapply"),
        ("dead-letters", "list"),
        ("tail", "--exit", "--json"),
        ("explain", "evt_019ab3c0d5e87000a1b2c3d4e5f60718"),
    ):
        result = CliRunner().invoke(build(command[0]), command)
        assert isinstance(result.exception, SystemExit | None), (command, result.output)
    for place, code, expected in (
        ("events", 1, "events:0:20 is damaged"),
        ("events:0", 1, "It held up to 10 records; the next batch begins at offset 30."),
        ("events:0:25", 1, "FOOTFALL_SKIP_BATCHES=events:0:25"),
        ("events:0:30", 0, "nothing to step over"),
        ("events:1", 0, "nothing to step over"),
        ("events:7", 2, "events has no partition 7"),
        ("event", 1, "Kafka has no topic event"),
        ("events:x", 2, "events:x is not a place"),
    ):
        found = CliRunner().invoke(build("skip"), ("skip", place))
        assert (found.exit_code, expected in found.output) == (code, True), (place, found.output)
