"""Writes records to Kafka and waits for the acknowledgement; the only module that knows aiokafka's producer.

What arrives while a partition's batch is on its way goes into its next one, ready-made: four times cheaper than
a `send` a record. aiokafka retries for ever and a deadline does not stop it, so the publisher has a deadline and
a gate of its own, and tells of acknowledgements that come too late.
"""

import asyncio
import contextlib
import logging
import time
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from producer_api import metrics
from producer_api.storage.records import Outgoing, Record
from service_kit.kafka import KafkaSettings

log = logging.getLogger(__name__)

# A broker takes record batches of 1 MiB.
BATCH_BYTES = 512 * 1024
PARCEL_BYTES = 256 * 1024
_BUILDER_BYTES = 1_000_000
# A batch that waits longer than this says that Kafka is away.
GATE_SECONDS = 1.0
_PAUSE_SECONDS = 0.5
_STOP_SECONDS = 5.0
_SWEEP_SECONDS = 0.05


@dataclass(slots=True, eq=False)
class _Parcel:
    """Records for one partition that go into one batch: Kafka acknowledges all of them or none."""

    outgoing: Outgoing
    records: list[Record]
    size: int
    since: float
    # True: acknowledged. False: not in time, or not at all.
    settled: asyncio.Future[bool]


@dataclass(slots=True)
class _Lane:
    """What waits for one partition. One batch is on its way at a time, so a key's order holds."""

    topic: str
    partition: int
    waiting: deque[_Parcel] = field(default_factory=deque)
    busy: bool = False
    # When the batch on its way was handed over.
    since: float | None = None


class Publisher:
    """An idempotent producer behind a gate. It starts, and starts again, by itself.

    The first topic must be there; records for others are lost while theirs is not.
    """

    def __init__(self, settings: KafkaSettings, topics: Sequence[str], *, deadline: float, max_bytes: int) -> None:
        self._settings, self._topics = settings, [settings.name(topic) for topic in topics]
        self._deadline, self._max_bytes = deadline, max_bytes
        self._producer: AIOKafkaProducer | None = None
        self._lanes: dict[str, list[_Lane]] = {}
        self._outstanding: deque[_Parcel] = deque()
        self._bytes = 0
        # Whether a batch waits for longer than GATE_SECONDS; the sweeper keeps it.
        self._stalled = False
        self._broken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lane_tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to connect; returns at once, `is_open` tells when Kafka takes records."""
        metrics.KAFKA_AVAILABLE.set_function(lambda: self.is_open)
        metrics.IN_FLIGHT_BYTES.set_function(lambda: self._bytes)
        self._spawn(self._keep_running(), self._tasks)
        self._spawn(self._keep_sweeping(), self._tasks)

    async def stop(self) -> None:
        """Let what is on its way finish, for a while, and disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                while self._lane_tasks:
                    await asyncio.wait(self._lane_tasks)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()

    @property
    def is_open(self) -> bool:
        """Whether Kafka takes records now."""
        return self._producer is not None and self._bytes < self._max_bytes and not self._stalled

    async def keep(self, outgoing: Outgoing) -> list[bool]:
        """Whether Kafka acknowledged each record before the deadline; what it did not may still arrive."""
        parcels = self._enqueue(outgoing, self._topics[0])
        if len(parcels) == 1:
            (parcel,) = parcels
            settled = await parcel.settled
            metrics.PUBLISH_SECONDS.observe(time.monotonic() - parcel.since)
            return [settled] * len(outgoing.records)
        kept = {record.event_id for parcel in parcels if await parcel.settled for record in parcel.records}
        return [record.event_id in kept for record in outgoing.records]

    def post(self, topic: str, key: bytes | None, record: Record) -> bool:
        """Hand over a record that nobody waits for; whether it was taken."""
        if not self.is_open:
            return False
        return bool(self._enqueue(Outgoing(key, [record]), self._settings.name(topic)))

    def _enqueue(self, outgoing: Outgoing, topic: str) -> list[_Parcel]:
        """Divide into parcels and hand them to their lanes; none if the topic is not there."""
        lanes = self._lanes.get(topic)
        if not lanes:
            return []
        parcels = []
        for lane, records in _by_lane(outgoing, lanes):
            for some in _portions(records):
                parcels.append(self._hand_over(lane, outgoing, some))
        return parcels

    def _hand_over(self, lane: _Lane, outgoing: Outgoing, records: list[Record]) -> _Parcel:
        loop = asyncio.get_running_loop()
        size = sum(record.size for record in records)
        parcel = _Parcel(outgoing, records, size, time.monotonic(), loop.create_future())
        self._bytes += size
        self._outstanding.append(parcel)
        lane.waiting.append(parcel)
        if not lane.busy:
            lane.busy = True
            self._spawn(self._drain(lane), self._lane_tasks)
        return parcel

    async def _drain(self, lane: _Lane) -> None:
        """Send what waits, batch after batch; what arrives meanwhile goes into the next one."""
        try:
            while lane.waiting:
                await self._send_batch(lane)
        except Exception as error:
            log.warning("the producer failed; making a new one", extra={"error": repr(error)})
            self._broken.set()
        finally:
            lane.busy = False
            self._settle(lane.waiting, acknowledged=False)
            lane.waiting.clear()

    async def _send_batch(self, lane: _Lane) -> None:
        producer = self._producer
        if producer is None:
            raise KafkaError("not connected")
        batch, parcels = producer.create_batch(), self._take(lane)
        try:
            for parcel in parcels:
                for record in parcel.records:
                    batch.append(
                        key=parcel.outgoing.key, value=record.value, timestamp=None, headers=record.headers
                    )
            if parcels:
                batch.close()
                lane.since = time.monotonic()
                await (await producer.send_batch(batch, lane.topic, partition=lane.partition))
        except BaseException:
            self._settle(parcels, acknowledged=False)
            raise
        finally:
            lane.since = None
        self._settle(parcels, acknowledged=True)

    def _take(self, lane: _Lane) -> list[_Parcel]:
        """The parcels of the next batch; those given up while they waited are left out."""
        parcels: list[_Parcel] = []
        size = 0
        while lane.waiting and (not parcels or size + lane.waiting[0].size <= BATCH_BYTES):
            parcel = lane.waiting.popleft()
            if parcel.settled.done():
                self._bytes -= parcel.size
                continue
            parcels.append(parcel)
            size += parcel.size
        return parcels

    def _settle(self, parcels: Sequence[_Parcel] | deque[_Parcel], *, acknowledged: bool) -> None:
        for parcel in parcels:
            self._bytes -= parcel.size
            if not parcel.settled.done():
                parcel.settled.set_result(acknowledged)
            elif acknowledged:
                metrics.LATE_ACKS.inc(len(parcel.records))
                parcel.outgoing.late(parcel.records)

    def _oldest_wait(self) -> float:
        begun = [lane.since for lanes in self._lanes.values() for lane in lanes if lane.since is not None]
        return time.monotonic() - min(begun) if begun else 0.0

    async def _keep_sweeping(self) -> None:
        """Give up what waits for longer than the deadline: one timer for all requests."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._stalled = self._oldest_wait() > GATE_SECONDS
            oldest = time.monotonic() - self._deadline
            while self._outstanding:
                parcel = self._outstanding[0]
                if not parcel.settled.done():
                    if parcel.since > oldest:
                        break
                    parcel.settled.set_result(False)
                self._outstanding.popleft()

    async def _keep_running(self) -> None:
        """Connect, and connect anew after a fatal error, for ever."""
        while True:
            try:
                await self._connect()
                await self._broken.wait()
                metrics.PRODUCER_RESTARTS.inc()
            except Exception as error:  # whatever it is: nothing is taken until there is a producer
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
            max_batch_size=_BUILDER_BYTES,
            metadata_max_age_ms=60_000,
        )
        try:
            async with asyncio.timeout(10):
                await producer.start()
                lanes = [await _lanes(producer, topic) for topic in self._topics[:1]]
            lanes += [await _lanes_if_there(producer, topic) for topic in self._topics[1:]]
        except BaseException:
            await _stop(producer)
            raise
        self._lanes = dict(zip(self._topics, lanes, strict=True))
        self._producer = producer

    async def _close(self) -> None:
        producer, self._producer, self._lanes = self._producer, None, {}
        if producer is not None:
            await _stop(producer)
        for task in self._lane_tasks:
            task.cancel()
        await asyncio.gather(*self._lane_tasks, return_exceptions=True)

    def _spawn(self, work: Any, tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


_choose = DefaultPartitioner()


@lru_cache(maxsize=50_000)
def _partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as every standard producer chooses it."""
    numbers = list(range(partitions))
    return int(_choose(key, numbers, numbers))


def _by_lane(outgoing: Outgoing, lanes: list[_Lane]) -> list[tuple[_Lane, list[Record]]]:
    if outgoing.key is not None:
        return [(lanes[_partition_of(outgoing.key, len(lanes))], list(outgoing.records))]
    found: dict[int, list[Record]] = {}
    for record in outgoing.records:
        found.setdefault(zlib.crc32(record.event_id.encode()) % len(lanes), []).append(record)
    return [(lanes[partition], records) for partition, records in found.items()]


def _portions(records: list[Record]) -> list[list[Record]]:
    """Records in order, as many together as a parcel may hold."""
    if sum(record.size for record in records) <= PARCEL_BYTES:
        return [records]
    portions: list[list[Record]] = [[]]
    room = PARCEL_BYTES
    for record in records:
        if portions[-1] and record.size > room:
            portions.append([])
            room = PARCEL_BYTES
        portions[-1].append(record)
        room -= record.size
    return portions


async def _lanes(producer: AIOKafkaProducer, topic: str) -> list[_Lane]:
    return [_Lane(topic, partition) for partition in sorted(await producer.partitions_for(topic))]


async def _lanes_if_there(producer: AIOKafkaProducer, topic: str) -> list[_Lane]:
    try:
        async with asyncio.timeout(3):
            return await _lanes(producer, topic)
    except (KafkaError, TimeoutError) as error:
        log.warning("the topic cannot be written to", extra={"topic": topic, "error": repr(error)})
        return []


async def _stop(producer: AIOKafkaProducer) -> None:
    """aiokafka's stop flushes first, which takes for ever while the broker is away."""
    try:
        await asyncio.wait_for(producer.stop(), _STOP_SECONDS)
    except (TimeoutError, KafkaError, OSError) as error:
        log.warning("the producer did not stop in time", extra={"error": repr(error)})
