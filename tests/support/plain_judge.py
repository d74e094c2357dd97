"""Which records become rows, decided in a plain way from the whole topic, and what the sinks say about them.

It shares no code with the stream app and the sinks, but for the form of a correction.
"""

import random
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from avro_schemas.correction import Correction, encode_correction
from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import decode_event
from service_kit.kafka.settings import KafkaSettings
from tests.support.events import encoded, event, fresh_id, now_ms
from tests.support.topics import read_all, write
from tests.support.traffic import KINDS

PARTITIONS = 12
Place = tuple[int, int]


def judge(records: Iterable[ConsumerRecord]) -> tuple[list[tuple[int, Correction]], set[Place]]:
    """The corrections with their partitions, and the places of the rows. Grows with the log, and never changes."""
    corrections, rows, ids, counted = list[tuple[int, Correction]](), set[Place](), set[str](), set[object]()
    for record in sorted(records, key=lambda each: (each.timestamp, each.partition, each.offset)):
        try:
            _schema, found = decode_event(record.value, record.timestamp)
        except Undecodable:
            continue
        event_id, received_at = found["event_id"], min(found["received_at"], record.timestamp)
        id_time = int(event_id[4:16], 16)
        is_fresh = record.timestamp - id_time <= 240_000 and id_time - received_at <= 60_000
        is_row = event_id not in ids
        is_counted = is_fresh and (event_id, record.partition) not in counted
        if is_row:
            ids.add(event_id)
            rows.add((record.partition, record.offset))
        if is_fresh:
            counted.add((event_id, record.partition))
        if not is_fresh or is_row != is_counted:
            corrections.append((record.partition, _correction(len(corrections), record, event_id, is_row)))
    return corrections, rows


def _correction(number: int, record: ConsumerRecord, event_id: str, is_row: bool) -> Correction:
    return Correction(
        number=number,
        topic_id="",
        event_offset=record.offset,
        event_id=event_id,
        is_row=is_row,
        reason="" if is_row else "duplicate",
        again=False,
        appended_at=record.timestamp,
        key=record.key,
        event=record.value,
    )


async def send_repeats(settings: KafkaSettings, seed: int) -> None:
    """Events without a key: new ones with old ids, and repeats in the same partition and in others."""
    chance, to = random.Random(seed), dict[int, list[bytes]]()
    for number in range(60):
        event_type, data = chance.choice(KINDS)
        age = chance.choice([0, 0, 1_800_000])
        fields = event(event_type, now_ms(), event_id=fresh_id(now_ms() - age), event_data=data(chance))
        for _copy in range(1 + number % 3):
            to.setdefault(chance.randrange(PARTITIONS), []).append(encoded(fields))
    for partition, values in to.items():
        records = [(None, value) for value in values]
        await write(settings.kafka_bootstrap, settings.name("events"), records, partition=partition)


async def publish_corrections(settings: KafkaSettings, first: int = 0) -> set[Place]:
    """Those of the whole topic from this number on, each twice; the places of all rows."""
    corrections, rows = judge(await read_all(settings.kafka_bootstrap, settings.name("events")))
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, enable_idempotence=True) as producer:
        for partition, correction in corrections[first:]:
            key, value = encode_correction(correction)
            for _copy in range(2):
                await producer.send(settings.name("corrections"), value, key=key, partition=partition)
    return rows
