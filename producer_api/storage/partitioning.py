"""Which partition a record belongs to, and how the records of a request are divided into batches. No I/O."""

import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from aiokafka.partitioner import DefaultPartitioner

from producer_api.storage.records import PublishRequest, Record

# Half of what goes into one record batch, so that a large request does not fill a batch alone.
MAX_PENDING_BATCH_BYTES = 256 * 1024

_partitioner = DefaultPartitioner()


def by_partition(request: PublishRequest, partitions: int) -> Iterable[tuple[int, Sequence[Record]]]:
    """The records by partition: by the request's key, else each by its event id."""
    if request.key is not None:
        return [(_partition_of(request.key, partitions), request.records)]
    found: dict[int, list[Record]] = {}
    for record in request.records:
        found.setdefault(zlib.crc32(record.event_id.encode()) % partitions, []).append(record)
    return found.items()


def split(records: Sequence[Record]) -> Sequence[Sequence[Record]]:
    """The records in order, in parts of at most MAX_PENDING_BATCH_BYTES; a larger record is a part of its own."""
    if sum(record.size for record in records) <= MAX_PENDING_BATCH_BYTES:
        return [records]
    parts: list[list[Record]] = [[]]
    room = MAX_PENDING_BATCH_BYTES
    for record in records:
        if parts[-1] and record.size > room:
            parts.append([])
            room = MAX_PENDING_BATCH_BYTES
        parts[-1].append(record)
        room -= record.size
    return parts


@lru_cache(maxsize=50_000)
def _partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as every standard producer chooses it."""
    numbers = list(range(partitions))
    return int(_partitioner(key, numbers, numbers))
