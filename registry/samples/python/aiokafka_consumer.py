"""Print the records of a topic: aiokafka and fastavro, with schemas from the registry by id."""

import asyncio
import functools
import io
import json
import os
import urllib.request
from typing import Any

import fastavro
from aiokafka import AIOKafkaConsumer

TOPIC = os.environ.get("TOPIC", "events")
REGISTRY = os.environ.get("REGISTRY", "http://localhost:3000/registry")


@functools.cache
def schema(schema_id: int) -> Any:
    with urllib.request.urlopen(f"{REGISTRY}/schemas/ids/{schema_id}") as answer:
        return fastavro.parse_schema(json.loads(json.load(answer)["schema"]))


def decode(value: bytes) -> Any:
    """Confluent wire format: a zero byte, four bytes of schema id, the Avro body."""
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), schema(int.from_bytes(value[1:5], "big")), None)


async def main() -> None:
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=os.environ.get("BOOTSTRAP", "localhost:9092"),
        group_id=os.environ.get("GROUP", "subscriber-sample"),
        auto_offset_reset="earliest",
    )
    async with consumer:
        async for record in consumer:
            if record.value is not None:
                print(json.dumps(decode(record.value), default=str), flush=True)


asyncio.run(main())
