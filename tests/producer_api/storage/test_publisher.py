"""What is handed to Kafka, with aiokafka's own batches and without a broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from avro_schemas import topic
from producer_api.storage.publisher import KafkaPublisher
from producer_api.storage.records import PublishRequest, Record
from service_kit.kafka.batch_limits import BatchLimits, batch_size
from service_kit.kafka.settings import KafkaSettings

BATCH_BYTES = 2_000


class FakeTransactions:
    """Counts the records of idempotent batches, as aiokafka does when it sends them."""

    def __init__(self) -> None:
        self.next = 0

    def increment_sequence_number(self, _partition: TopicPartition, records: int) -> None:
        self.next += records


@dataclass
class FakeBatch:
    """A batch that a producer has taken."""

    future: asyncio.Future[None]


class FakeProducer:
    """Keeps the values of the record batches that it was given, and acknowledges all but those that it refuses.

    Like a broker, it takes no batch above a size, and none that is out of order.
    """

    def __init__(self) -> None:
        self.max_message_bytes, self.refused = 10**9, 0
        self._txn_manager = FakeTransactions()
        self._message_accumulator, self._closed, self._exception = self, False, None
        self.sent = list[list[bytes]]()
        self.refuses: Callable[[list[bytes]], bool] = lambda _values: False
        # Acknowledges at once while it is None, else what is in it when the test says so.
        self.unanswered: list[asyncio.Future[None]] | None = None

    async def stop(self) -> None:
        pass

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0)

    def _append_batch(self, batch: BatchBuilder, partition: TopicPartition) -> "FakeBatch":
        values = [record.value for record in DefaultRecordBatch(batch._build())]
        acked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        assert self._txn_manager.next == sum(map(len, self.sent)), "out of order"
        self._txn_manager.increment_sequence_number(partition, len(values))
        if batch.size() > self.max_message_bytes:
            self.refused += 1
            acked.set_exception(MessageSizeTooLargeError())
        elif self.refuses(values):
            acked.set_exception(KafkaError("refused"))
        else:
            self.sent.append(values)
            if self.unanswered is None:
                acked.set_result(None)
            else:
                self.unanswered.append(acked)
        return FakeBatch(acked)


@pytest_asyncio.fixture
async def producer() -> AsyncIterator[FakeProducer]:
    yield FakeProducer()


@pytest_asyncio.fixture
async def publisher(producer: FakeProducer) -> KafkaPublisher:
    made = KafkaPublisher(
        KafkaSettings(kafka_bootstrap="nowhere:9092"), [topic.EVENTS], timeout_seconds=5, max_bytes=10**8
    )
    made._producer.current = producer  # type: ignore[assignment] # as much of one as is used
    made._open_queues({"events": [0]})
    return made


def request(*sizes: int) -> PublishRequest:
    records = [Record(f"evt_{number}", bytes([number]) * size, []) for number, size in enumerate(sizes)]
    return PublishRequest(b"key", records)


async def test_records_that_do_not_fit_a_batch_go_into_the_next(
    publisher: KafkaPublisher, producer: FakeProducer
) -> None:
    requests = [request(900, 900, 900, 10), request(900), request(10)]
    answers = await asyncio.gather(*map(publisher.publish, requests))
    assert answers == [[True] * 4, [True], [True]]
    sent = [value for values in producer.sent for value in values]
    assert sent == [record.value for each in requests for record in each.records]
    assert len(producer.sent) > 1
    assert publisher._in_flight_bytes == 0


async def test_a_request_is_acknowledged_only_if_all_batches_with_its_records_are(
    publisher: KafkaPublisher, producer: FakeProducer
) -> None:
    producer.refuses = lambda _values: len(producer.sent) == 1
    requests = [request(10), request(900, 900, 900), request(10)]
    answers = await asyncio.gather(*map(publisher.publish, requests))
    assert answers == [[True], [False] * 3, [False]]
    assert publisher._in_flight_bytes == 0


async def test_a_record_that_fits_no_batch_is_an_error_of_its_request_alone(
    publisher: KafkaPublisher, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = BatchBuilder.append

    def append_or_not(self: BatchBuilder, *, value: bytes, **rest: Any) -> Any:
        return None if len(value) > 1_000 else append(self, value=value, **rest)

    monkeypatch.setattr(BatchBuilder, "append", append_or_not)
    requests = [request(10), request(1_500), request(20)]
    answers = await asyncio.gather(*map(publisher.publish, requests))
    assert answers == [[True], [False], [True]]
    assert [len(value) for values in producer.sent for value in values] == [10, 20]
    assert publisher._in_flight_bytes == 0


@pytest.mark.parametrize("reported", [True, False])
async def test_batches_become_small_enough_for_the_topic_and_a_record_that_cannot_pass_costs_only_itself(
    publisher: KafkaPublisher, producer: FakeProducer, *, reported: bool
) -> None:
    producer.max_message_bytes = 700
    if reported:
        publisher.limits.report("events", "700")
    requests = [request(*(20 for _ in range(30))), request(10, 650, 10), request(*(20 for _ in range(30)))]
    answers = await asyncio.gather(*map(publisher.publish, requests))
    if not reported:  # some are answered with a failure until the limit is known, and are sent again
        answers = [await publisher.publish(each) for each in requests]
    assert answers == [[True] * 30, [True, False, True], [True] * 30]
    assert publisher.is_too_large(b"key", requests[1].records[1])
    assert not publisher.is_too_large(b"key", requests[1].records[0])
    assert (producer.refused == 0) is reported
    assert {record.value for each in requests for record in each.records if len(record.value) < 600} == {
        value for values in producer.sent for value in values
    }
    assert publisher._producer.current is producer, "the producer was replaced"
    assert publisher._in_flight_bytes == 0


@pytest.mark.parametrize("size", range(480, 500))
async def test_the_size_of_a_record_is_known_to_the_byte(
    publisher: KafkaPublisher, producer: FakeProducer, size: int
) -> None:
    producer.max_message_bytes = 560
    publisher.limits.report("events", "560")
    sent = request(size)
    (acked,) = await publisher.publish(sent)
    assert acked is not publisher.is_too_large(b"key", sent.records[0])
    assert producer.refused == 0
    assert acked is (batch_size(b"key", sent.records[0].value, []) <= 560)


async def test_a_refusal_is_believed_for_a_minute_and_a_report_until_the_next(publisher: KafkaPublisher) -> None:
    now = 0.0
    limits = BatchLimits(1_000, clock=lambda: now)
    assert limits.of("events") == 1_000
    limits.refuse("events", 800, records=3)
    assert (limits.of("events"), limits.of("others")) == (400, 1_000)
    limits.refuse("events", 400, records=1)
    assert limits.of("events") == limits.max_record("events") == 399
    now = 61.0
    assert limits.of("events") == 1_000
    limits.report("events", "500")
    limits.report("events", None)
    assert limits.of("events") == 500
    limits.report("events", "5000")
    assert (limits.of("events"), limits.max_record("events")) == (1_000, 5_000)


async def test_a_rejected_event_that_is_too_large_for_its_topic_is_not_queued(publisher: KafkaPublisher) -> None:
    publisher.limits.report("events", "700")
    large, small = request(900, 10).records
    assert publisher.publish_nowait("events", None, large) == "too_large"
    assert publisher.publish_nowait("events", None, small) == "queued"
    await publisher._idle.wait()
    assert publisher._in_flight_bytes == 0


async def test_a_partition_has_one_batch_in_flight_and_what_comes_meanwhile_is_the_next(
    publisher: KafkaPublisher, producer: FakeProducer
) -> None:
    producer.unanswered = []
    first = asyncio.create_task(publisher.publish(request(10)))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(publisher.publish(request(size))) for size in (20, 30)]
    await asyncio.sleep(0.01)
    assert [len(values) for values in producer.sent] == [1]
    producer.unanswered.pop().set_result(None)
    await asyncio.sleep(0.01)
    assert [len(values) for values in producer.sent] == [1, 2]
    assert (await first, [each.done() for each in others]) == ([True], [False, False])
    producer.unanswered.pop().set_result(None)
    assert await asyncio.gather(*others) == [[True], [True]]
    assert publisher._in_flight_bytes == 0


async def test_a_stop_waits_for_what_is_in_flight_and_queued(
    publisher: KafkaPublisher, producer: FakeProducer
) -> None:
    producer.unanswered = []
    publishing = [asyncio.create_task(publisher.publish(request(10)))]
    await asyncio.sleep(0.01)
    publishing.append(asyncio.create_task(publisher.publish(request(20))))
    await asyncio.sleep(0.01)
    stopping = asyncio.create_task(publisher.stop())
    for sent in (1, 2):
        await asyncio.sleep(0.01)
        assert (len(producer.sent), stopping.done()) == (sent, False)
        producer.unanswered.pop().set_result(None)
    assert await asyncio.gather(*publishing) == [[True], [True]]
    await stopping


async def test_a_lost_connection_answers_everybody_at_once_and_its_late_answers_mean_nothing(
    publisher: KafkaPublisher, producer: FakeProducer
) -> None:
    producer.unanswered = []
    publishing = [asyncio.create_task(publisher.publish(request(10)))]
    await asyncio.sleep(0.01)
    publishing.append(asyncio.create_task(publisher.publish(request(20))))
    await asyncio.sleep(0.01)
    await publisher._drop_queues()
    assert await asyncio.gather(*publishing) == [[False], [False]]
    producer.unanswered.pop().set_result(None)
    await asyncio.sleep(0.01)
    assert (len(producer.sent), publisher._in_flight_bytes) == (1, 0)
    assert publisher._idle.is_set()
    publisher._open_queues({"events": [0]})
    producer.unanswered = None
    assert await publisher.publish(request(30)) == [True]
