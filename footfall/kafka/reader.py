"""Reading a topic without a consumer group: from a time, or its last records, up to its end."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from service_kit.kafka.consumer import fetch_readable, new_consumer
from service_kit.kafka.settings import KafkaSettings

NO_TOPIC = 1

Offsets = Mapping[TopicPartition, int]


@asynccontextmanager
async def open_consumer(settings: KafkaSettings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of all partitions of a topic. If there is none, the command exits with a message."""
    consumer = new_consumer(**settings.client_options(), enable_auto_commit=False, auto_offset_reset="earliest")
    # Not with the topic: aiokafka would wait until it is created.
    await consumer.start()
    try:
        partitions = await _partitions(settings, topic)
        if not partitions:
            typer.echo(
                f"Kafka has no topic {topic}. `footfall topics` creates those that are missing; if it should be "
                "there, check FOOTFALL_KAFKA_BOOTSTRAP and FOOTFALL_TOPIC_PREFIX.",
                err=True,
            )
            raise typer.Exit(NO_TOPIC)
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        yield consumer
    finally:
        await consumer.stop()


async def _partitions(settings: KafkaSettings, topic: str) -> list[int]:
    """The partitions of a topic; none if it does not exist."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            return []
        (described,) = await admin.describe_topics([topic])
        return [partition["partition"] for partition in described["partitions"]]
    finally:
        await admin.close()


async def end_offsets(consumer: AIOKafkaConsumer) -> Offsets:
    """The offsets that the next records of each partition will get."""
    offsets: Offsets = await consumer.end_offsets(list(consumer.assignment()))
    return offsets


async def seek_to_time(consumer: AIOKafkaConsumer, timestamp: int) -> None:
    """Seek to the first records appended at `timestamp` (milliseconds since 1970) or later."""
    tps = list(consumer.assignment())
    offsets = await consumer.offsets_for_times(dict.fromkeys(tps, timestamp))
    ends = await end_offsets(consumer)
    for tp in tps:
        consumer.seek(tp, offsets[tp].offset if offsets.get(tp) else ends[tp])


async def seek_to_last(consumer: AIOKafkaConsumer, count: int) -> None:
    """Seek to the last `count` records of each partition."""
    tps = list(consumer.assignment())
    starts, ends = await consumer.beginning_offsets(tps), await end_offsets(consumer)
    for tp in tps:
        consumer.seek(tp, max(starts[tp], ends[tp] - count))


async def read_until(consumer: AIOKafkaConsumer, end: Offsets) -> AsyncIterator[ConsumerRecord]:
    """The records before `end`, in the order in which they are fetched."""
    left = {tp for tp in end if await consumer.position(tp) < end[tp]}
    while left:
        for tp, records in (await fetch_readable(consumer, timeout_ms=500)).items():
            for record in records:
                if record.offset < end[tp]:
                    yield record
        left = {tp for tp in left if await consumer.position(tp) < end[tp]}


def header(record: ConsumerRecord, name: str) -> str | None:
    """The value of a header as text, None if the record does not have it."""
    found: Any = next((value for key, value in record.headers if key == name), None)
    return None if found is None else bytes(found).decode(errors="replace")
