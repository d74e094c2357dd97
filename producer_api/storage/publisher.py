"""Writes events to Kafka and waits for the acknowledgement; the only module that knows aiokafka.

Events that arrive during one turn of the event loop go into one ready-made record batch a partition: four
times cheaper than a `send` an event. aiokafka retries for ever and a deadline does not stop it, so the
publisher has a deadline and a gate of its own, and tells of acknowledgements that come too late.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from producer_api import metrics
from service_kit.kafka import KafkaSettings

log = logging.getLogger(__name__)

BATCH_BYTES = 512 * 1024
# A batch that waits longer than this says that Kafka is away: new requests are answered 503 at once.
GATE_SECONDS = 1.0
MOST_WAITING_BYTES = 64 * 1024 * 1024
_PAUSE_SECONDS = 0.5
_STOP_SECONDS = 5.0

Header = tuple[str, bytes]


@dataclass(slots=True, eq=False)
class Outgoing:
    """A record on its way. `late` is called if it is acknowledged after its request gave up."""

    key: bytes | None
    value: bytes
    headers: Sequence[Header]
    late: Callable[[], None] | None = None
    acknowledged: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True)
class _Lane:
    """What waits for one partition. One batch is handed over at a time, so a key's order holds."""

    partition: int
    waiting: deque[Outgoing] = field(default_factory=deque)
    busy: bool = False


class Publisher:
    """An idempotent producer behind a gate. It starts, and starts again, by itself."""

    def __init__(self, settings: KafkaSettings, topic: str, *, deadline: float) -> None:
        self._settings, self._topic, self._deadline = settings, topic, deadline
        self._producer: AIOKafkaProducer | None = None
        self._partitions: list[int] = []
        self._lanes: dict[int, _Lane] = {}
        self._choose = DefaultPartitioner()
        self._in_flight: dict[int, tuple[float, int]] = {}
        self._numbers = iter(range(2**63))
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken = asyncio.Event()

    async def start(self) -> None:
        """Begin to connect; returns at once, `is_open` tells when Kafka takes events."""
        self._spawn(self._keep_running())

    async def stop(self) -> None:
        """Let what is on its way finish, for a while, and disconnect."""
        if self._producer is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._producer.flush(), _STOP_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()

    @property
    def is_open(self) -> bool:
        """Whether Kafka takes events now."""
        is_open = self._producer is not None and self._oldest_wait() < GATE_SECONDS
        is_open = is_open and sum(size for _since, size in self._in_flight.values()) < MOST_WAITING_BYTES
        metrics.GATE_OPEN.set(is_open)
        return is_open

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Hand records over and wait for all acknowledgements, at the longest until the deadline.

        A record whose future is not done then may still arrive; `late` tells.
        """
        started = time.monotonic()
        for record in records:
            self._enqueue(record)
        _done, pending = await asyncio.wait([r.acknowledged for r in records], timeout=self._deadline)
        metrics.PUBLISH_SECONDS.observe(time.monotonic() - started)
        for record in records if pending else ():
            if not record.acknowledged.done():
                record.acknowledged.add_done_callback(_ghost(record))

    def _enqueue(self, record: Outgoing) -> None:
        if not self._partitions:
            record.acknowledged.set_exception(KafkaError("not connected"))
            return
        if record.key is None:
            partition = random.choice(self._partitions)
        else:
            partition = self._choose(record.key, self._partitions, self._partitions)
        lane = self._lanes[partition]
        lane.waiting.append(record)
        if not lane.busy:
            lane.busy = True
            self._spawn(self._drain(lane))

    async def _drain(self, lane: _Lane) -> None:
        """Send what waits; what arrives meanwhile goes into the next batch."""
        try:
            while lane.waiting:
                await self._send_batch(lane)
        except Exception as error:
            log.warning("the producer failed; making a new one", extra={"error": repr(error)})
            self._broken.set()
        finally:
            lane.busy = False
            _fail(lane.waiting)

    async def _send_batch(self, lane: _Lane) -> None:
        producer = self._producer
        if producer is None:
            raise KafkaError("not connected")
        batch, records = producer.create_batch(), []
        while lane.waiting and _append(batch, lane.waiting[0]):
            records.append(lane.waiting.popleft())
        number = next(self._numbers)
        self._in_flight[number] = (time.monotonic(), batch.size())
        metrics.WAITING.set(len(self._in_flight))
        try:
            batch.close()
            # Waits until the batch before it has left; the future is done when Kafka has acknowledged.
            acknowledged = await producer.send_batch(batch, self._topic, partition=lane.partition)
        except BaseException:
            self._settled(number)
            _fail(records)
            raise
        acknowledged.add_done_callback(lambda future: self._on_acknowledged(future, number, records))

    def _on_acknowledged(self, future: asyncio.Future[Any], number: int, records: list[Outgoing]) -> None:
        self._settled(number)
        if future.cancelled() or future.exception() is not None:
            log.warning("a batch was not acknowledged", extra={"error": repr(future)})
            _fail(records)
            self._broken.set()
            return
        for record in records:
            if not record.acknowledged.done():
                record.acknowledged.set_result(None)

    def _settled(self, number: int) -> None:
        self._in_flight.pop(number, None)
        metrics.WAITING.set(len(self._in_flight))

    def _oldest_wait(self) -> float:
        if not self._in_flight:
            return 0.0
        since, _size = next(iter(self._in_flight.values()))
        return time.monotonic() - since

    async def _keep_running(self) -> None:
        """Connect, and connect anew after a fatal error, for ever."""
        while True:
            try:
                await self._connect()
                await self._broken.wait()
                metrics.PRODUCER_RESTARTS.inc()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("Kafka cannot be reached", extra={"error": repr(error)})
            await self._close()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _connect(self) -> None:
        self._broken.clear()
        producer = AIOKafkaProducer(
            **self._settings.client_options(),
            client_id="footfall-collector",
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            metadata_max_age_ms=60_000,
        )
        try:
            async with asyncio.timeout(10):
                await producer.start()
                partitions = await producer.partitions_for(self._topic)
        except BaseException:
            await _stop(producer)
            raise
        self._partitions = sorted(partitions)
        self._lanes = {partition: _Lane(partition) for partition in self._partitions}
        self._producer = producer

    async def _close(self) -> None:
        producer, self._producer, self._partitions = self._producer, None, []
        if producer is not None:
            await _stop(producer)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _append(batch: Any, record: Outgoing) -> bool:
    appended = batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers)
    return appended is not None


def _fail(records: deque[Outgoing] | list[Outgoing]) -> None:
    """Tell the requests at once that these were not acknowledged."""
    while records:
        record = records.pop()
        if not record.acknowledged.done():
            record.acknowledged.set_exception(KafkaError("not acknowledged"))


def _ghost(record: Outgoing) -> Callable[[asyncio.Future[None]], None]:
    def tell(future: asyncio.Future[None]) -> None:
        if not future.cancelled() and future.exception() is None:
            metrics.GHOSTS.inc()
            if record.late:
                record.late()

    return tell


async def _stop(producer: AIOKafkaProducer) -> None:
    """aiokafka's stop flushes first, which takes for ever while the broker is away."""
    try:
        await asyncio.wait_for(producer.stop(), _STOP_SECONDS)
    except (TimeoutError, KafkaError, OSError) as error:
        log.warning("the producer did not stop in time", extra={"error": repr(error)})
