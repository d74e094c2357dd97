"""Records are published in as few batches as the topic takes, in order."""

import asyncio
import uuid
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.structs import RecordMetadata
from hypothesis import given
from hypothesis import strategies as st

from service_kit.kafka.record_batches import BATCH_BYTES, LIMITS, Output, RecordTooLarge, in_groups, send_batches


class Broker:
    """A producer and its broker: no batch above `max_message_bytes`, and none that is out of order."""

    def __init__(self, max_message_bytes: int) -> None:
        self._limit, self.refused, self._next = max_message_bytes, 0, 0
        self.values = list[bytes]()
        self._txn_manager = self

    def increment_sequence_number(self, _partition: TopicPartition, records: int) -> None:
        self._next += records

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        acked: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        assert self._next == len(self.values), "out of order"
        self._next += batch.record_count()
        if batch.size() > self._limit:
            self.refused += 1
            acked.set_exception(MessageSizeTooLargeError())
            return acked
        first = len(self.values)
        self.values += [record.value for record in DefaultRecordBatch(batch._build())]
        acked.set_result(RecordMetadata(topic, partition, TopicPartition(topic, partition), first, 0, 0, 0))
        return acked


@given(st.lists(st.integers(0, 400), min_size=1, max_size=40), st.booleans())
def test_batches_become_as_small_as_the_topic_takes_and_nothing_changes_places(
    sizes: list[int], reported: bool
) -> None:
    async def send() -> None:
        broker, topic = Broker(600), uuid.uuid4().hex
        if reported:
            LIMITS.report(topic, "600")
        outputs = [Output(b"k", bytes([place]) * size) for place, size in enumerate(sizes)]
        first, count = await send_batches(broker, topic, 0, outputs)
        assert broker.values == [output.value for output in outputs]
        assert first + count == len(outputs)
        assert not (reported and broker.refused)

    asyncio.run(send())


async def test_a_record_that_cannot_pass_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(RecordTooLarge, match=r"takes no batch of \d+ bytes: set its max.message.bytes"):
        await send_batches(Broker(600), uuid.uuid4().hex, 0, [Output(b"k", b"x"), Output(b"k", b"x" * 700)])


@given(st.lists(st.integers(0, 900), max_size=20))
def test_groups_hold_all_records_in_order_and_fit_a_batch(sizes: list[int]) -> None:
    records = [Output(None, bytes(size)) for size in sizes]
    groups = list(in_groups(records, 1_000))
    assert [record for group in groups for record in group] == records
    assert all(len(group) == 1 or sum(len(r.value or b"") + 100 for r in group) <= 1_000 for group in groups)
