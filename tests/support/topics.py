"""Reading and writing topics in tests."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from avro_schemas.record_key import record_key
from avro_schemas.wire.codec import decode
from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings

KeyAndValue = tuple[bytes | None, bytes]
# (dimension, window seconds, window start) -> name -> count
Windows = dict[tuple[str, int, int], dict[str, int]]


async def write(
    bootstrap: str, topic: str, records: Sequence[KeyAndValue], *, partition: int | None = None
) -> None:
    """Publish records, by their keys or to one partition, and wait for their acknowledgement."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        pending = [
            await producer.send(topic, value, key=record_key(key), partition=partition) for key, value in records
        ]
        for acknowledgement in pending:
            await acknowledgement


async def read_all(bootstrap: str, topic: str) -> list[ConsumerRecord]:
    """Every record of a topic from its start to its current end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, p)
            for p in consumer.partitions_for_topic(topic) or await _fetch_partitions(consumer, topic)
        ]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        left = {tp for tp in partitions if ends[tp] > begins[tp]}
        records: list[ConsumerRecord] = []
        while left:
            for tp, batch in (await consumer.getmany(timeout_ms=500)).items():
                records += [record for record in batch if record.offset < ends[tp]]
            left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
        return records
    finally:
        await consumer.stop()


async def _fetch_partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.add_topic(topic)
    await consumer._client.force_metadata_update()
    found: set[int] = consumer.partitions_for_topic(topic) or set()
    assert found, f"no topic {topic}"
    return found


async def live(bootstrap: str, topic: str) -> Windows:
    """The live counts: the newest partial of each partition and window, added up, without sketches."""
    newest: dict[bytes, dict[str, Any]] = {}
    for record in await read_all(bootstrap, topic):
        if record.value is None:
            newest.pop(record.key, None)  # the window was removed
            continue
        _schema, partial = decode(record.value)
        held = newest.get(record.key)
        if held is None or partial["source_offset"] >= held["source_offset"]:
            newest[record.key] = partial
    totals: Windows = {}
    for partial in newest.values():
        if partial["sketch"] is None:
            key = (partial["dimension"], partial["window_seconds"], partial["window_start"])
            window = totals.setdefault(key, {})
            for name, count in partial["counts"].items():
                window[name] = window.get(name, 0) + count
    return totals


async def recreate(settings: KafkaSettings) -> None:
    """Delete the topic and create it again."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        await admin.delete_topics([settings.name("events")])
        for _ in range(100):
            if settings.name("events") not in await admin.list_topics():
                break
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    await create_missing(settings)
