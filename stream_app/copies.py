"""Copies of single event types, `events-TYPE`: each record of `events` once, also after a crash.

Every copy has the offset of its original in a header. A checkpoint publishes copies before it writes its position,
so after a crash between the two the records are folded again. The end of `events-TYPE` shows which of them have a
copy, and those get no second one.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas.topic import SOURCE_OFFSET
from service_kit.kafka.consumer import fetch_readable, new_consumer
from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.record_batches import BATCH_BYTES, Output

log = logging.getLogger(__name__)

# How many records at the end of a partition are read. The newest copy is the last one, unless a worker that had
# lost the partition published behind its successor.
_TAIL = 200
# A batch of the producer's has this much room, less what surrounds its records.
_AROUND_BYTES = 10_000
MAX_COPY_BYTES = BATCH_BYTES - _AROUND_BYTES


class TopicNotReady(Exception):
    """A topic of copies is missing, or has too few partitions."""


@dataclass(frozen=True, slots=True, order=True)
class Copied:
    """How far the events of a type are copied: append time and offset of the newest original."""

    timestamp: int = -1
    offset: int = -1

    def covers(self, record: KafkaRecord) -> bool:
        """Whether the copy of this record is there.

        By both: in a topic that was deleted and created again, old offsets come again, at later times.
        """
        return record.offset <= self.offset and record.timestamp <= self.timestamp


NOTHING = Copied()


def copy(record: KafkaRecord) -> Output:
    """A record as it came, for another topic, with its offset in one more header."""
    source = (SOURCE_OFFSET, str(record.offset).encode())
    return Output(record.key, record.value, (*record.headers, source), record.timestamp)


def fits(output: Output, limit: int = BATCH_BYTES) -> bool:
    """Whether a copy, with one header more, is small enough for a topic that takes batches of so many bytes."""
    headers = sum(len(name.encode()) + len(value or b"") for name, value in output.headers)
    return len(output.key or b"") + len(output.value or b"") + headers <= min(
        MAX_COPY_BYTES, limit - _AROUND_BYTES
    )


def copied(tail: Iterable[KafkaRecord]) -> Copied:
    """How far the end of a topic of copies reaches. Records of others, without the header, say nothing."""
    return max(
        (Copied(record.timestamp, offset) for record in tail if (offset := _source(record)) >= 0), default=NOTHING
    )


def _source(record: KafkaRecord) -> int:
    value = next((value for name, value in record.headers if name == SOURCE_OFFSET), None) or b""
    # No offset has more digits, and Python refuses to read thousands of them.
    return int(value) if value.isdigit() and len(value) < 20 else -1


async def read_copied(
    client_options: dict[str, Any], topics: Collection[str], partitions: Collection[int]
) -> dict[tuple[str, int], Copied]:
    """How far each partition of each topic reaches. Raise TopicNotReady if one does not exist."""
    await _check(client_options, topics, partitions)
    consumer = new_consumer(**client_options, enable_auto_commit=False)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for topic in topics for partition in partitions]
        consumer.assign(tps)
        tails = await _tails(consumer, tps)
    finally:
        await consumer.stop()
    return {(tp.topic, tp.partition): copied(tail) for tp, tail in tails.items()}


async def _check(client_options: dict[str, Any], topics: Collection[str], partitions: Collection[int]) -> None:
    """A consumer would wait for ever for a partition that does not exist."""
    admin = AIOKafkaAdminClient(**client_options)
    await admin.start()
    try:
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    for topic in described:
        existing = {each["partition"] for each in topic["partitions"]}
        if missing := set(partitions) - existing:
            log.critical(
                "%s has no partition %d, and FOOTFALL_EVENT_TOPICS names its type. `footfall topics` creates the "
                "topic if it is missing; it needs as many partitions as events.",
                *(topic["topic"], min(missing)),
            )
            raise TopicNotReady(topic["topic"])


async def _tails(
    consumer: AIOKafkaConsumer, tps: Collection[TopicPartition]
) -> dict[TopicPartition, list[KafkaRecord]]:
    starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    for tp in tps:
        consumer.seek(tp, max(starts[tp], ends[tp] - _TAIL))
    tails: dict[TopicPartition, list[KafkaRecord]] = {tp: [] for tp in tps}
    left = {tp for tp in tps if starts[tp] < ends[tp]}
    while left:
        for tp, records in (await fetch_readable(consumer, timeout_ms=500)).items():
            tails[tp] += [record for record in records if record.offset < ends[tp]]
        left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    return tails
