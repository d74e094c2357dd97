"""Reading `events` as a subscriber: from a moment, or from its last records."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from service_kit.kafka import KafkaSettings

Positions = Mapping[TopicPartition, int]


@asynccontextmanager
async def reader(settings: KafkaSettings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, assigned to all partitions of a topic."""
    consumer = AIOKafkaConsumer(
        topic, **settings.client_options(), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = consumer.partitions_for_topic(topic) or set()
        consumer.unsubscribe()
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        yield consumer
    finally:
        await consumer.stop()


async def ends(consumer: AIOKafkaConsumer) -> Positions:
    """The offsets that the next records will get."""
    found: Positions = await consumer.end_offsets(list(consumer.assignment()))
    return found


async def from_moment(consumer: AIOKafkaConsumer, moment: int) -> None:
    """Go to the first records appended at `moment` (milliseconds since 1970) or later."""
    tps = list(consumer.assignment())
    found = await consumer.offsets_for_times(dict.fromkeys(tps, moment))
    after = await ends(consumer)
    for tp in tps:
        consumer.seek(tp, found[tp].offset if found.get(tp) else after[tp])


async def from_last(consumer: AIOKafkaConsumer, count: int) -> None:
    """Go back `count` records in each partition."""
    tps = list(consumer.assignment())
    begins, after = await consumer.beginning_offsets(tps), await ends(consumer)
    for tp in tps:
        consumer.seek(tp, max(begins[tp], after[tp] - count))


async def until(consumer: AIOKafkaConsumer, end: Positions) -> AsyncIterator[ConsumerRecord]:
    """The records before `end`, partition by partition as they come."""
    left = {tp for tp in end if await consumer.position(tp) < end[tp]}
    while left:
        for tp, records in (await consumer.getmany(timeout_ms=500)).items():
            for record in records:
                if record.offset < end[tp]:
                    yield record
        left = {tp for tp in left if await consumer.position(tp) < end[tp]}


def header(record: ConsumerRecord, name: str) -> str | None:
    """A header as text."""
    found: Any = next((value for key, value in record.headers if key == name), None)
    return None if found is None else bytes(found).decode(errors="replace")
