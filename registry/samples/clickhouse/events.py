"""ClickHouse reads `events`, all event types, as one table. pip install chdb aiokafka cramjam"""

import asyncio
import os
import tempfile
from pathlib import Path

import chdb
from aiokafka import AIOKafkaConsumer, TopicPartition

BOOTSTRAP = os.environ.get("BOOTSTRAP", "localhost:9092")
REGISTRY = os.environ.get("REGISTRY", "http://localhost:3000/registry")
TOPIC = os.environ.get("TOPIC", "events")

# A server's table with the engine Kafka (kafka_format = 'AvroConfluent') has the same columns and settings.
# A column of `event_data` that an event's type does not have is null; a custom event has all of its data in
# `properties`.
COLUMNS = """
    event_id String,
    event_type String,
    occurred_at DateTime64(3, 'UTC'),
    time_flag String,
    user_key Nullable(String),
    `device.kind` String,
    page Nullable(String),
    `event_data.page` Nullable(String),
    `event_data.button` Nullable(String),
    `event_data.form` Nullable(String),
    `event_data.success` Nullable(Bool),
    `event_data.metric` Nullable(String),
    `event_data.value` Nullable(Float64),
    `event_data.properties` String
"""
QUERIES = (
    "SELECT event_type, count() AS events, uniqExact(event_id) AS ids FROM events GROUP BY event_type",
    "SELECT `event_data.page` AS page, `device.kind` AS device FROM events WHERE event_type = 'page_view'",
    """SELECT `event_data.form` AS form, `event_data.success` AS success
    FROM events WHERE event_type = 'form_submit'""",
    "SELECT `event_data.metric` AS metric, `event_data.value` AS value FROM events WHERE event_type = 'web_vital'",
    """SELECT
        JSONExtractString(`event_data.properties`, 'feature') AS feature,
        JSONExtractFloat(`event_data.properties`, 'seconds') AS seconds,
        JSONExtractString(`event_data.properties`, 'filter', 'country') AS country
    FROM events WHERE event_type = 'feature_used'""",
)


async def values() -> bytes:
    """The values of all records that are in the topic now, one behind the other."""
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest")
    await consumer.start()
    try:
        tps = [TopicPartition(TOPIC, partition) for partition in consumer.partitions_for_topic(TOPIC) or ()]
        consumer.unsubscribe()
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        found = []
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [record.value for record in records]
    finally:
        await consumer.stop()
    return b"".join(found)


def main() -> None:
    with tempfile.NamedTemporaryFile(suffix=".avro") as file:
        Path(file.name).write_bytes(asyncio.run(values()))
        events = f"file('{file.name}', 'AvroConfluent', $${COLUMNS}$$)"
        settings = f"format_avro_schema_registry_url = '{REGISTRY}', input_format_avro_allow_missing_fields = 1"
        for query in QUERIES:
            print(
                chdb.query(f"WITH events AS (SELECT * FROM {events}) {query} SETTINGS {settings}", "JSONEachRow")
            )


main()
