"""Records to publish, in as few record batches as possible: Kafka appends each whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service_kit.kafka.record import Headers

BATCH_BYTES = 900_000


@dataclass(frozen=True, slots=True)
class Output:
    """A record to publish. Without a value it is a tombstone; without a timestamp it gets the current time."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int | None = None


async def send_batches(producer: Any, topic: str, partition: int, records: Sequence[Output]) -> tuple[int, int]:
    """Publish records in order. Return first offset and count of the last batch.

    Each batch is acknowledged before the next one is sent, so a later record is never there without the earlier
    ones.
    """
    first, count = -1, 0
    left = list(records)
    while left:
        batch = producer.create_batch()
        count = 0
        while count < len(left) and _append(batch, left[count]):
            count += 1
        if not count:
            raise ValueError(f"a record of {len(left[0].value or b'')} bytes does not fit a batch for {topic}")
        batch.close()
        acknowledged = await (await producer.send_batch(batch, topic, partition=partition))
        first = acknowledged.offset
        del left[:count]
    return first, count


def _append(batch: Any, record: Output) -> bool:
    """Whether the batch had room for the record."""
    added = batch.append(
        key=record.key, value=record.value, timestamp=record.timestamp, headers=list(record.headers)
    )
    return added is not None
