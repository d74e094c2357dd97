"""What should be in Postgres, counted without any code of footfall: librdkafka, fastavro and SQL."""

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import psycopg
from confluent_kafka import Consumer, KafkaError, TopicPartition

_SCHEMAS = Path(__file__).parents[2] / "avro_schemas"


@dataclass
class Log:
    """A topic: how often it has each event id, the places of records that are not events, and its offsets."""

    ids: Counter[str] = field(default_factory=Counter)
    not_events: set[tuple[int, int]] = field(default_factory=set)
    offsets: int = 0


def read_log(bootstrap: str, topic: str) -> Log:
    """Read a topic up to its present end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "recount",
            "enable.auto.commit": False,
            # The last offsets may hold no record, but the end of a transaction.
            "enable.partition.eof": True,
        }
    )
    found = Log()
    try:
        left = {}
        for partition in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
            found.offsets += high - low
            if high > low:
                left[partition] = high
        consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
        while left:
            for message in consumer.consume(10_000, timeout=1.0):
                partition, offset = message.partition(), message.offset()
                if error := message.error():
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    left.pop(partition, None)
                    continue
                if offset < left.get(partition, 0):
                    _take(found, partition, offset, message.value())
                if offset + 1 >= left.get(partition, offset + 2):
                    left.pop(partition, None)
    finally:
        consumer.close()
    return found


def _take(found: Log, partition: int, offset: int, value: bytes | None) -> None:
    schema = _schemas().get(int.from_bytes(value[1:5], "big")) if value and value[0] == 0 else None
    record: Any = fastavro.schemaless_reader(BytesIO(value[5:]), schema, None) if value and schema else {}  # type: ignore[call-overload]
    if "event_id" in record:
        found.ids[record["event_id"]] += 1
    else:
        found.not_events.add((partition, offset))


@cache
def _schemas() -> dict[int, Any]:
    lock = json.loads((_SCHEMAS / "lock.json").read_text())
    files = [json.loads(path.read_text()) for path in sorted((_SCHEMAS / "schemas").glob("*.avsc"))]
    found = {}
    for path in sorted((_SCHEMAS / "schemas").glob("*.avsc")):
        definition = json.loads(path.read_text())
        version = path.stem.rsplit(".v", 1)[1]
        found[lock[f"{definition['namespace']}.{definition['name']}"][version]["id"]] = fastavro.parse_schema(
            definition
        )
    assert len(found) == len(files)
    return found


def faults(bootstrap: str, topic: str, dsn: str) -> list[str]:
    """Every difference between Postgres and the topic: events lost or landed twice, unexpected dead letters."""
    log = read_log(bootstrap, topic)
    with psycopg.connect(dsn) as connection:
        rows = Counter(
            "evt_" + str(event_id).replace("-", "")
            for (event_id,) in connection.execute("select event_id from raw_events").fetchall()
        )
        dead_letters = Counter(connection.execute("select part, record_offset from dead_letters").fetchall())
        ((landed,),) = connection.execute("select sum(next_offset) from sink_offsets").fetchall()
    found = []
    if lost := log.ids.keys() - rows.keys():
        found.append(f"{len(lost)} events have no row, such as {min(lost)}")
    if more := rows.keys() - log.ids.keys():
        found.append(f"{len(more)} rows have no event")
    if double := [event_id for event_id, count in rows.items() if count > 1]:
        found.append(f"{len(double)} events have more than one row")
    if set(dead_letters) != log.not_events or max(dead_letters.values(), default=1) > 1:
        found.append(
            f"{sum(dead_letters.values())} dead letters, {len(log.not_events)} records that are not events"
        )
    if landed != log.offsets:
        found.append(f"{landed} offsets landed of {log.offsets}")
    return found
