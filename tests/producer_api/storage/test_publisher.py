"""What is handed to Kafka, with aiokafka's own batches and without a broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from avro_schemas import topic
from producer_api.storage.publisher import KafkaPublisher
from producer_api.storage.records import PublishRequest, Record
from service_kit.kafka.settings import KafkaSettings

BATCH_BYTES = 2_000


class FakeProducer:
    """Keeps the values of the record batches that it was given, and acknowledges all but those that it refuses."""

    def __init__(self) -> None:
        self.sent = list[list[bytes]]()
        self.refuses: Callable[[list[bytes]], bool] = lambda _values: False

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0)

    async def send_batch(self, batch: BatchBuilder, _topic: str, *, partition: int) -> asyncio.Future[None]:
        values = [record.value for record in DefaultRecordBatch(batch._build())]
        acked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.refuses(values):
            acked.set_exception(KafkaError("refused"))
        else:
            self.sent.append(values)
            acked.set_result(None)
        return acked


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
