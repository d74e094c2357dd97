"""What cannot be read costs itself alone: fetches made by hand, read by the classes that every consumer uses."""

import ast
import asyncio
import contextlib
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED

from service_kit.kafka import consumer as kafka_consumer
from service_kit.kafka.consumer import Batches, ReadableRecords, step_over
from service_kit.kafka.unreadable import DamagedBatch, SkipSettings, StoppedPartitions, UnreadableRecord
from tests.support.record_batches import damaged, record_batch

ROOT = Path(__file__).parents[3]
NOT_UTF8 = b"\xff\xfe-head"


@pytest.fixture(autouse=True)
def clean() -> Any:
    yield
    step_over(frozenset())


def read(fetched: bytes, start: int = 0, topic: str = "events") -> tuple[list[Any], int]:
    """The records of a fetch, and where the next one begins."""
    records = ReadableRecords(
        TopicPartition(topic, 0), Batches(fetched), None, start, None, None, True, READ_COMMITTED
    )
    return list(records), records.next_fetch_offset


@pytest.mark.parametrize("codec", range(5), ids=["plain", "gzip", "snappy", "lz4", "zstd"])
def test_a_header_name_that_is_not_utf8_makes_its_record_unreadable_and_no_other(codec: int) -> None:
    middle = record_batch(3, 3, header={4: NOT_UTF8}, codec=codec)
    records, next_offset = read(record_batch(0, 3) + middle + record_batch(6, 2))
    assert [record.offset for record in records] == list(range(8))
    assert next_offset == 8
    (bad,) = (record for record in records if isinstance(record, UnreadableRecord))
    assert (bad.offset, bad.key, bad.value) == (4, b"key", b"value 4")
    assert bad.headers == (("\\xff\\xfe-head", b"content"), ("empty", None))
    assert bad.timestamp == records[0].timestamp + 4
    good = records[5]
    assert (good.value, good.headers) == (b"value 5", (("name", b"content"), ("empty", None)))


def test_a_fetch_that_begins_within_the_batch_delivers_no_earlier_records() -> None:
    records, next_offset = read(record_batch(0, 4, header={0: NOT_UTF8, 3: NOT_UTF8}), start=2)
    assert [type(record) is UnreadableRecord for record in records] == [False, True]
    assert next_offset == 4


def test_reading_ends_in_front_of_a_damaged_batch_and_begins_there_again() -> None:
    records, next_offset = read(record_batch(0, 3) + damaged(record_batch(3, 3)) + record_batch(6, 2))
    assert [record.offset for record in records] == [0, 1, 2, 3]
    assert records[-1].__class__ is DamagedBatch
    assert (records[-1].offset, records[-1].next_offset, next_offset) == (3, 6, 3)


def test_a_damaged_header_is_not_believed_and_the_next_batch_says_where_to_go_on() -> None:
    batch = bytearray(damaged(record_batch(3, 3)))
    struct.pack_into(">i", batch, 23, 2**31 - 1)  # its last offset
    records, _ = read(bytes(batch) + record_batch(6, 2), start=3)
    assert records[-1].next_offset == 6
    assert read(bytes(batch), start=3)[0][-1].next_offset == 4


@pytest.mark.parametrize("magic", [0, 1, 7])
def test_a_batch_of_another_format_is_a_damaged_one(magic: int) -> None:
    batch = bytearray(damaged(record_batch(3, 3)))
    batch[16] = magic
    records, next_offset = read(bytes(batch), start=3)
    assert [type(record) for record in records] == [DamagedBatch]
    assert next_offset == 3


@pytest.mark.parametrize("named", [3, 4, 5])
def test_a_damaged_batch_that_is_named_becomes_an_unreadable_record_per_offset(named: int) -> None:
    fetched = record_batch(0, 3) + damaged(record_batch(3, 3)) + record_batch(6, 2)
    step_over(frozenset({("events", 0, named)}))
    records, next_offset = read(fetched)
    assert [record.offset for record in records] == list(range(8))
    unreadable = [record for record in records if type(record) is UnreadableRecord]
    assert [record.offset for record in unreadable] == [3, 4, 5]
    assert unreadable[0].value == damaged(record_batch(3, 3))
    assert [record.value for record in unreadable[1:]] == [None, None]
    assert next_offset == 8
    assert read(fetched, topic="another")[1] == 3


def test_without_compiled_classes_it_is_the_same() -> None:
    """They are chosen when aiokafka is imported: in a process of its own."""
    tests = [f"{__file__}::{name}" for name in globals() if name.startswith("test_") and "compiled" not in name]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    environment = {"AIOKAFKA_NO_EXTENSIONS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_consumer_of_ours_is_made_by_one_function() -> None:
    packages = ("service_kit", "producer_api", "stream_app", "sinks", "dashboard", "registry", "footfall")
    makers = {
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if "samples" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "AIOKafkaConsumer"
    }
    assert makers == {"service_kit/kafka/consumer.py"}


def test_the_fetcher_of_every_later_consumer_reads_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "PartitionRecords", fetcher.PartitionRecords)
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)

    class Lean(ReadableRecords):
        """As the stream app's."""

    kafka_consumer.install(Lean)
    kafka_consumer.install()
    assert fetcher.PartitionRecords is Lean
    assert fetcher.MemoryRecords is Batches


async def test_a_stop_ends_also_if_it_comes_while_an_assignment_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_consumer, "_CANCEL_AGAIN_SECONDS", 0.01)

    async def routine() -> None:
        # As aiokafka's ends a fetch of the earlier assignment, before it goes on with the new one.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    stopping: Any = kafka_consumer.ClosingFetcher.__new__(kafka_consumer.ClosingFetcher)
    stopping._fetch_task = asyncio.create_task(routine())
    stopping._fetch_waiters, stopping._pending_tasks = set(), set()
    await asyncio.sleep(0)
    await asyncio.wait_for(stopping.close(), 10)


async def test_a_stop_while_fetches_wait_for_a_broker_cancels_only_them() -> None:
    stopping: Any = kafka_consumer.ClosingFetcher.__new__(kafka_consumer.ClosingFetcher)
    stopping._fetch_task = asyncio.create_task(asyncio.sleep(0))
    fetches = [asyncio.create_task(asyncio.sleep(60)) for _partition in range(2)]
    stopping._fetch_waiters, stopping._pending_tasks = set(), set(fetches)
    await asyncio.sleep(0)
    await stopping.close()
    assert all(fetch.cancelled() for fetch in fetches)


class Consumer:
    """A consumer with one fetch."""

    def __init__(self, fetched: dict[TopicPartition, list[Any]]) -> None:
        self.fetched, self.sought = fetched, dict[TopicPartition, int]()

    async def getmany(self, *_partitions: TopicPartition, **_options: Any) -> dict[TopicPartition, list[Any]]:
        return self.fetched

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.sought[tp] = offset


async def test_who_passes_over_goes_on_behind_the_damage() -> None:
    first, second = TopicPartition("user-rates", 0), TopicPartition("user-rates", 1)
    bad_header, _ = read(record_batch(0, 2, header={1: NOT_UTF8}), topic="user-rates")
    consumer: Any = Consumer({first: bad_header, second: read(damaged(record_batch(0, 5)))[0]})
    readable = await kafka_consumer.fetch_readable(consumer, timeout_ms=1)
    assert [(tp, [record.offset for record in records]) for tp, records in readable.items()] == [(first, [0])]
    assert consumer.sought == {second: 5}


def test_places_that_are_not_places_are_refused_at_the_start() -> None:
    assert SkipSettings(skip_batches=("events:0:7",)).places() == {("events", 0, 7)}
    for wrong in ("events", "events:0", "events:x:7", ":0:7", "events:0:-7"):
        with pytest.raises(ValueError, match="TOPIC:PARTITION:OFFSET"):
            SkipSettings(skip_batches=(wrong,))


def test_a_stopped_partition_is_tried_again_and_is_news_only_once_per_batch() -> None:
    stopped, batch = StoppedPartitions(), DamagedBatch(50, 60, 0, b"", "its bytes do not match its checksum")
    assert stopped.stop("events", 3, batch, now=0)
    assert not stopped.stop("events", 3, batch, now=1)
    assert stopped.due(now=1) == []
    assert stopped.due(now=1 + stopped.RETRY_SECONDS) == [("events", 3)]
    assert stopped.due(now=2 + stopped.RETRY_SECONDS) == []
    assert "events/3 stops at the damaged batch at offset 50" in (stopped.reason() or "")
    stopped.read("events", 3)
    assert stopped.reason() is None
    states = StoppedPartitions({"state": "events"})
    states.stop("state", 3, batch, now=0)
    assert "to count partition 3 again, from the first record of events that Kafka" in (states.reason() or "")
