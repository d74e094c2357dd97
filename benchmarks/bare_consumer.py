"""The same counts with aiokafka and fastavro alone, without durable state. Baseline of stream.py.

    python -m benchmarks.bare_consumer BOOTSTRAP TOPIC EVENTS

Prints seconds and CPU seconds between the first and the last tenth of the events, then exits.
"""

import asyncio
import sys
import time
from collections import Counter

from aiokafka import AIOKafkaConsumer

from avro_schemas.wire.codec import decode


async def main(bootstrap: str, topic: str, events: int) -> None:
    users, types = Counter[bytes | None](), Counter[str]()
    marks: list[tuple[float, float]] = []
    seen = 0
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        while len(marks) < 2:
            for records in (await consumer.getmany(timeout_ms=500, max_records=4000)).values():
                for record in records:
                    _schema, event = decode(record.value)
                    users[record.key] += 1
                    types[event["event_type"]] += 1
                    seen += 1
                    if seen in (events // 10, events * 9 // 10):
                        marks.append((time.monotonic(), time.process_time()))
    print(f"\n{marks[1][0] - marks[0][0]} {marks[1][1] - marks[0][1]}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
