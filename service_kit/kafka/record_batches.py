"""Records to publish, in as few record batches as possible: Kafka appends each whole or not at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder

from service_kit.kafka.batch_limits import TOO_LARGE, BatchLimits, take_back
from service_kit.kafka.record import Headers

BATCH_BYTES = 900_000
# How large the batches of each topic may be, as this process knows.
LIMITS = BatchLimits(BATCH_BYTES)
# Of the parts of a record besides its key, value and headers.
_RECORD_BYTES = 100


class RecordTooLarge(Exception):
    """A topic takes no batch with this record, however it is sent."""


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
        limit = LIMITS.of(topic)
        batch = producer.create_batch() if limit >= BATCH_BYTES else BatchBuilder(limit, 0)
        count = 0
        while count < len(left) and _append(batch, left[count]):
            count += 1
        if not count:
            raise ValueError(f"a record of {len(left[0].value or b'')} bytes does not fit a batch for {topic}")
        batch.close()
        try:
            acknowledged = await (await producer.send_batch(batch, topic, partition=partition))
        except TOO_LARGE as error:
            take_back(producer, topic, partition, count)
            LIMITS.refuse(topic, batch.size(), count)
            if count == 1:
                raise RecordTooLarge(
                    f"{topic} takes no batch of {batch.size()} bytes: set its max.message.bytes to that or more"
                ) from error
            continue
        first = acknowledged.offset
        del left[:count]
    return first, count


def _append(batch: Any, record: Output) -> bool:
    """Whether the batch had room for the record."""
    added = batch.append(
        key=record.key, value=record.value, timestamp=record.timestamp, headers=list(record.headers)
    )
    return added is not None


def in_groups(records: Sequence[Output], max_bytes: int) -> Iterator[Sequence[Output]]:
    """The records in order, in groups that fit a batch of so many bytes; a larger record is a group of its own."""
    group, size = list[Output](), 0
    for record in records:
        needed = len(record.key or b"") + len(record.value or b"") + _RECORD_BYTES
        if group and size + needed > max_bytes:
            yield group
            group, size = [], 0
        group.append(record)
        size += needed
    if group:
        yield group
