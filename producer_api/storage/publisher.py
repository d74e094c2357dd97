"""Publishes records in batches that are built here, and reports within a deadline whether Kafka acknowledged them.

While a partition's batch is in flight, new records for the partition collect in its queue and make up the next
batch. Sending whole batches costs a quarter of aiokafka's `send` per record. aiokafka retries forever, so the
publisher has a deadline and a measure of availability of its own, and handles acknowledgements that come late.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from producer_api import metrics
from producer_api.storage.partitioning import by_partition, split
from producer_api.storage.producer import Partitions, ReconnectingProducer, hand_over
from producer_api.storage.records import PublishRequest, Queued, Record
from service_kit.background import Background
from service_kit.kafka.batch_limits import TOO_LARGE, BatchLimits, batch_size, take_back
from service_kit.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

# Brokers accept record batches of up to 1 MiB by default; a topic that accepts less gets less.
MAX_BATCH_BYTES = 512 * 1024
# More than the size of a record is underestimated by, which leaves out its longest headers.
_UNMEASURED_BYTES = 4 * 1024
# If a batch is in flight for longer than this, Kafka is considered unavailable.
STALL_SECONDS = 1.0
_STOP_SECONDS = 5.0
_SWEEP_SECONDS = 0.05


@dataclass(slots=True, eq=False)
class _PendingBatch:
    """Records of one request for one partition. They share a record batch: all are acknowledged, or none."""

    request: PublishRequest
    records: Sequence[Record]
    # The sum of the records' sizes. Counted in KafkaPublisher._in_flight_bytes until the batch is finished.
    size: int
    # When it was queued, by the monotonic clock.
    queued_at: float
    # The result for the waiting request. Set once: to True when Kafka acknowledges, to False at the deadline or on
    # an error. A batch whose deadline has passed may still be in flight, and may still be acknowledged.
    acked: asyncio.Future[bool]
    # How many of the records are in a record batch. Headers are not in `size`, so they may not all fit into one.
    appended: int = 0


@dataclass(slots=True, eq=False)
class _SentBatch:
    """A record batch that aiokafka has, and what it was made of."""

    producer: AIOKafkaProducer
    record_batch: BatchBuilder
    # What was taken from the queue for it, and how many records of each were in earlier record batches.
    taken: list[_PendingBatch]
    before: list[int]
    # Those of them of which no record is left to be sent.
    complete: list[_PendingBatch]
    sent_at: float


@dataclass(slots=True, eq=False)
class _PartitionQueue:
    """What waits for one partition. One record batch is in flight at a time, which keeps the order of a key."""

    topic: str
    partition: int
    waiting: deque[_PendingBatch] = field(default_factory=deque)
    # Whether a record batch is in flight, or is about to be made.
    is_sending: bool = False
    # The record batch in flight, if any.
    sent: _SentBatch | None = None


class KafkaPublisher:
    """An EventPublisher that writes to Kafka. It connects and reconnects by itself.

    The first topic is the one that `publish` writes to, and must exist. If another does not exist, its records are
    dropped.
    """

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[str], *, timeout_seconds: float, max_bytes: int
    ) -> None:
        self._settings, self._topics = settings, [settings.name(topic) for topic in topics]
        self._timeout_seconds, self._max_bytes = timeout_seconds, max_bytes
        # How large the batches of each topic may be.
        self.limits = BatchLimits(MAX_BATCH_BYTES)
        self._producer = ReconnectingProducer(
            settings, self._topics, on_connect=self._open_queues, on_disconnect=self._drop_queues
        )
        # The queues of each topic, by partition. They live as long as a connection: the next one may find more
        # partitions.
        self._queues: dict[str, list[_PartitionQueue]] = {}
        # In the order of `queued_at`, so that the sweep stops at the first that still has time. Batches that were
        # acknowledged stay until the sweep comes past them.
        self._unanswered: deque[_PendingBatch] = deque()
        # The sizes of all batches that are queued or in flight. `_queue` adds each once. It is subtracted once:
        # by `_finish` when aiokafka is done with the batch, or by `_take` if its deadline passed while it was
        # queued. The deadline of a batch in flight subtracts nothing, because aiokafka still holds its records.
        self._in_flight_bytes = 0
        # Whether a batch is in flight for longer than STALL_SECONDS. Updated by the sweep.
        self._is_stalled = False
        self._background = Background()
        # The queues that are sending.
        self._sending: set[_PartitionQueue] = set()
        # Set while there are none.
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Begin to connect. Returns immediately; `is_available` says when there is a connection."""
        metrics.KAFKA_AVAILABLE.set_function(lambda: self.is_available)
        metrics.IN_FLIGHT_BYTES.set_function(lambda: self._in_flight_bytes)
        self._background.start("the connection to Kafka", self._producer.run())
        # Without it no request would get an answer while Kafka is slow.
        self._background.start("the sweep of unanswered requests", self._sweep_forever())

    async def stop(self) -> None:
        """Give what is queued and in flight a few seconds to be acknowledged, then disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._idle.wait()
        await self._background.stop()
        await self._producer.close()

    @property
    def is_available(self) -> bool:
        """Whether Kafka takes records now."""
        is_connected = self._producer.current is not None
        return is_connected and self._in_flight_bytes < self._max_bytes and not self._is_stalled

    async def publish(self, request: PublishRequest) -> list[bool]:
        """Whether Kafka acknowledged each record before the deadline. The others may still arrive.

        A record that is too large for the topic is not sent, and never acknowledged.
        """
        if self.limits.of(self._topics[0]) < MAX_BATCH_BYTES and any(
            self.is_too_large(request.key, record) for record in request.records
        ):
            return await self._publish_others(request)
        batches = self._queue_request(request, self._topics[0])
        if len(batches) == 1:
            (batch,) = batches
            acked = await batch.acked
            metrics.PUBLISH_SECONDS.observe(time.monotonic() - batch.queued_at)
            return [acked] * len(request.records)
        durable = {record.event_id for batch in batches if await batch.acked for record in batch.records}
        return [record.event_id in durable for record in request.records]

    async def _publish_others(self, request: PublishRequest) -> list[bool]:
        """Publish without the records that are too large."""
        others = [record for record in request.records if not self.is_too_large(request.key, record)]
        acked = await self.publish(PublishRequest(request.key, others, request.on_late_ack)) if others else []
        durable = {record.event_id for record, is_acked in zip(others, acked, strict=True) if is_acked}
        return [record.event_id in durable for record in request.records]

    def is_too_large(self, key: bytes | None, record: Record) -> bool:
        """Whether the topic takes no batch with this record, however it is sent."""
        return self._exceeds(self._topics[0], key, record)

    @property
    def max_record_bytes(self) -> int:
        """How large a batch with one event may be."""
        return self.limits.max_record(self._topics[0])

    def _exceeds(self, topic: str, key: bytes | None, record: Record) -> bool:
        limit = self.limits.max_record(topic)
        if record.size + _UNMEASURED_BYTES <= limit:
            return False
        return batch_size(key, record.value, record.headers) > limit

    def publish_nowait(self, topic: str, key: bytes | None, record: Record) -> Queued:
        """Queue a record whose acknowledgement nobody waits for; what became of it."""
        name = self._settings.name(topic)
        if self._exceeds(name, key, record):
            return "too_large"
        if not self.is_available or not self._queue_request(PublishRequest(key, [record]), name):
            return "kafka_unavailable"
        return "queued"

    def _queue_request(self, request: PublishRequest, topic: str) -> list[_PendingBatch]:
        """Divide a request into batches and queue them. Empty if there is no connection, or no such topic."""
        queues = self._queues.get(topic)
        if not queues or self._producer.current is None:
            return []
        return [
            self._queue(queues[partition], request, part)
            for partition, records in by_partition(request, len(queues))
            for part in split(records)
        ]

    def _queue(self, queue: _PartitionQueue, request: PublishRequest, records: Sequence[Record]) -> _PendingBatch:
        size = sum(record.size for record in records)
        acked = asyncio.get_running_loop().create_future()
        batch = _PendingBatch(request, records, size, time.monotonic(), acked)
        self._in_flight_bytes += size
        self._unanswered.append(batch)
        queue.waiting.append(batch)
        if not queue.is_sending:
            self._send_soon(queue)
        return batch

    def _send_next(self, queue: _PartitionQueue) -> None:
        """Hand the next record batch to aiokafka, whose acknowledgement calls this again until nothing waits."""
        try:
            while queue.is_sending and queue.waiting:
                if self._hand_over(queue):
                    return
        except Exception as error:
            self._producer.report_failure(error)
        self._end(queue)

    def _end(self, queue: _PartitionQueue) -> None:
        """Send no more from this queue for now. Whoever waits for it is answered: nothing was published."""
        queue.is_sending = False
        self._sending.discard(queue)
        if not self._sending:
            self._idle.set()
        sent, queue.sent = queue.sent, None
        if sent:
            self._finish(sent.complete, acknowledged=False)
        self._finish(queue.waiting, acknowledged=False)
        queue.waiting.clear()

    def _hand_over(self, queue: _PartitionQueue) -> bool:
        """Hand over a record batch; whether there was anything to send."""
        producer = self._producer.current
        if producer is None:
            raise KafkaError("not connected")
        limit = self.limits.of(queue.topic)
        record_batch = producer.create_batch() if limit >= MAX_BATCH_BYTES else BatchBuilder(limit, 0)
        taken = self._take(queue, limit)
        before = [batch.appended for batch in taken]
        # From here on `_end` answers them, whatever fails.
        sent = queue.sent = _SentBatch(producer, record_batch, taken, before, taken, time.monotonic())
        sent.complete = self._fill(record_batch, taken, queue)
        if not record_batch.record_count():
            queue.sent = None
            self._finish(sent.complete, acknowledged=True)  # requests without records
            return False
        record_batch.close()
        acked = hand_over(producer, record_batch, queue.topic, queue.partition)
        acked.add_done_callback(partial(self._on_answer, queue, sent))
        return True

    def _on_answer(self, queue: _PartitionQueue, sent: _SentBatch, answer: asyncio.Future[object]) -> None:
        """Kafka acknowledged a record batch or refused it, or aiokafka gave it up."""
        error = KafkaError("cancelled") if answer.cancelled() else cast("Exception | None", answer.exception())
        if queue.sent is not sent:
            return  # the connection was given up before, and everybody has an answer
        if error is None:
            queue.sent = None
            self._finish(sent.complete, acknowledged=True)
        elif isinstance(error, TOO_LARGE):
            queue.sent = None
            self._note_refused(sent.producer, sent.record_batch, queue)
            self._put_back(queue, sent.taken, sent.before, is_single=sent.record_batch.record_count() == 1)
        else:
            self._producer.report_failure(error)
            self._end(queue)
            return
        self._send_next(queue)

    def _note_refused(self, producer: AIOKafkaProducer, batch: BatchBuilder, queue: _PartitionQueue) -> None:
        size, records = batch.size(), batch.record_count()
        take_back(producer, queue.topic, queue.partition, records)
        self.limits.refuse(queue.topic, size, records)
        log.warning(
            "%s took no batch of %d records with %d bytes: sending smaller ones", queue.topic, records, size
        )

    def _put_back(
        self, queue: _PartitionQueue, taken: list[_PendingBatch], before: list[int], *, is_single: bool
    ) -> None:
        """Put what was refused in front of the queue again. A record that was alone cannot pass: see `publish`."""
        waiting = set(map(id, queue.waiting))
        again = [batch for batch in taken if id(batch) not in waiting]
        for batch, appended in zip(taken, before, strict=True):
            batch.appended = appended
        if is_single:
            refused = next(batch for batch in taken if batch.appended < len(batch.records))
            self._finish([refused], acknowledged=False)
            again = [batch for batch in again if batch is not refused]
            with contextlib.suppress(ValueError):
                queue.waiting.remove(refused)
        queue.waiting.extendleft(reversed(again))

    def _fill(
        self, record_batch: BatchBuilder, batches: list[_PendingBatch], queue: _PartitionQueue
    ) -> list[_PendingBatch]:
        """Append as many records as fit, and put the others back. The batches whose records are all sent then."""
        for position, batch in enumerate(batches):
            for record in batch.records[batch.appended :]:
                appended = record_batch.append(
                    key=batch.request.key, value=record.value, timestamp=None, headers=record.headers
                )
                if appended is None:
                    rest = batches[position:]
                    if not record_batch.record_count():  # it fits into none: an error of this request alone
                        log.error("a record is larger than a batch", extra={"bytes": record.size})
                        self._finish([rest.pop(0)], acknowledged=False)
                    queue.waiting.extendleft(reversed(rest))
                    return batches[:position]
                batch.appended += 1
        return batches

    def _take(self, queue: _PartitionQueue, limit: int) -> list[_PendingBatch]:
        """What goes into the next record batch, without batches whose deadline passed while they were queued."""
        batches: list[_PendingBatch] = []
        size = 0
        while queue.waiting and (not batches or size + queue.waiting[0].size <= limit):
            batch = queue.waiting.popleft()
            if batch.acked.done():
                self._in_flight_bytes -= batch.size
                continue
            batches.append(batch)
            size += batch.size
        return batches

    def _finish(self, batches: Iterable[_PendingBatch], *, acknowledged: bool) -> None:
        """Release the batches' bytes, and answer the requests that still wait. The others get a late ack."""
        for batch in batches:
            self._in_flight_bytes -= batch.size
            if not batch.acked.done():
                batch.acked.set_result(acknowledged)
            elif acknowledged:
                metrics.LATE_ACKS.inc(len(batch.records))
                batch.request.on_late_ack(batch.records)

    async def _sweep_forever(self) -> None:
        """Answer requests whose deadline has passed. One timer for all requests is cheaper than one for each."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._is_stalled = self._oldest_in_flight() > STALL_SECONDS
            deadline = time.monotonic() - self._timeout_seconds
            while self._unanswered:
                batch = self._unanswered[0]
                if not batch.acked.done():
                    if batch.queued_at > deadline:
                        break
                    batch.acked.set_result(False)
                self._unanswered.popleft()

    def _oldest_in_flight(self) -> float:
        """For how many seconds the oldest record batch has been in flight."""
        sent = [queue.sent.sent_at for queue in self._sending if queue.sent]
        return time.monotonic() - min(sent) if sent else 0.0

    def _open_queues(self, partitions: Partitions) -> None:
        self._queues = {
            topic: [_PartitionQueue(topic, number) for number in numbers] for topic, numbers in partitions.items()
        }

    async def _drop_queues(self) -> None:
        """Give up what is still being sent, and answer everybody who waits for it."""
        self._queues = {}
        for queue in list(self._sending):
            self._end(queue)

    def _send_soon(self, queue: _PartitionQueue) -> None:
        """In the next turn of the event loop, with everything that this turn adds."""
        queue.is_sending = True
        self._sending.add(queue)
        self._idle.clear()
        asyncio.get_running_loop().call_soon(self._send_next, queue)
