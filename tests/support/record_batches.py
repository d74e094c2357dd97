"""Record batches made by hand: as no client of ours writes them, and as a disk may return them."""

import struct
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

T0 = 1_700_000_000_000


class _Name(str):
    """The name of a header that is encoded to any bytes."""

    raw: bytes

    def encode(self, *_arguments: object) -> bytes:
        return self.raw


def _name(raw: bytes) -> str:
    name = _Name()
    name.raw = raw
    return name


def record_batch(
    first: int,
    count: int,
    *,
    header: Mapping[int, bytes] | None = None,
    codec: int = 0,
    records: Sequence[tuple[bytes | None, bytes | None]] | None = None,
    timestamp: int = T0,
) -> bytes:
    """A batch of `count` records from offset `first` on; `header` gives other names to headers, by offset."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, 1 << 24)
    for number in range(count):
        offset = first + number
        key, value = records[number] if records else (b"key", b"value %d" % offset)
        name = _name((header or {}).get(offset, b"name"))
        moment = timestamp if records else timestamp + offset
        builder.append(number, moment, key, value, [(name, b"content"), ("empty", None)])
    batch = builder.build()
    struct.pack_into(">q", batch, 0, first)
    return bytes(batch)


def damaged(batch: bytes) -> bytes:
    """The same with a changed bit in its last record."""
    changed = bytearray(batch)
    changed[-3] ^= 1
    return bytes(changed)


async def produce(bootstrap: str, topic: str, partition: int, batch: bytes) -> None:
    """Append a batch as it is."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.partitions_for(topic)
        leader = producer.client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(
            transactional_id=None, required_acks=-1, timeout=10_000, topics=[(topic, [(partition, batch)])]
        )
        answer = await producer.client.send(leader, request)
        assert answer.topics[0][1][0][1] == 0, answer
