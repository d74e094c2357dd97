"""The topic `events` as a source; the only module that knows aiokafka here."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from avro_schemas.topic import EVENTS, named
from service_kit.kafka import KafkaRecord
from sinks.landing.ports import Fetched, Range
from sinks.landing.topic_id import identity
from sinks.settings import Settings

log = logging.getLogger(__name__)

# Records taken at once of what has been fetched.
_STEP = 1000
# How soon a pause notices that it is over.
_LOOK_SECONDS = 0.5

Arrived = Mapping[TopicPartition, Sequence[KafkaRecord]]


class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types here
    """A member of the group; positions are set from outside."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._kafka = settings.kafka
        self._reassigned = True
        self._let_go: Callable[[], Awaitable[None]] | None = None
        self._ends: Mapping[TopicPartition, int] = {}
        self._consumer = AIOKafkaConsumer(
            **settings.kafka.client_options(),
            group_id=settings.kafka.name(named(EVENTS).consumer_groups["sinks"]),
            group_instance_id=settings.group_instance_id,
            enable_auto_commit=False,
            # Positions are set from outside; Kafka's client must not choose one by itself.
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=1024 * 1024,
            fetch_max_wait_ms=100,
            session_timeout_ms=int(settings.group_session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(settings.group_session_timeout_seconds * 200),
        )

    async def start(self) -> None:
        """Join the group."""
        self._consumer.subscribe([self._topic], listener=self)
        await self._consumer.start()

    async def stop(self) -> None:
        """Leave the group."""
        await self._consumer.stop()

    @property
    def reassigned(self) -> bool:
        """Whether partitions came or went since the last `seek`."""
        return self._reassigned

    def when_revoked(self, let_go: Callable[[], Awaitable[None]]) -> None:
        """Call this when partitions go; others get them after it has ended."""
        self._let_go = let_go

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Whatever was fetched is not ours any more."""
        self._reassigned = True
        if self._let_go:
            await self._let_go()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Nothing is landed until the positions are set."""
        self._reassigned = True

    async def topic_id(self) -> UUID | None:
        """Kafka's id of the topic as it is now."""
        return (await identity(self._kafka, self._topic)).topic_id

    async def ranges(self) -> dict[int, Range]:
        """What Kafka holds of each partition that is ours; waits a little where there is none yet."""
        self._reassigned = False
        mine = list(self._consumer.assignment())
        if not mine:
            # A member that does not poll is put out of the group; what this may fetch is sought again.
            await self._poll(100, 1)
            return {}
        begins = await self._consumer.beginning_offsets(mine)
        self._ends = ends = await self._consumer.end_offsets(mine)
        reported = await asyncio.gather(*map(self._consumer.committed, mine))
        return {
            tp.partition: Range(begins[tp], ends[tp], max(begins[tp], to or 0))
            for tp, to in zip(mine, reported, strict=True)
        }

    async def seek(self, positions: Mapping[int, int]) -> None:
        """Go on at these offsets."""
        for tp in self._tps(positions):
            self._consumer.seek(tp, positions[tp.partition])
        self._consumer.resume(*self._consumer.paused())

    async def gather(self, rows: int, max_bytes: int, seconds: float) -> Fetched:
        """What arrives until there are so many records or bytes, or the first of them is `seconds` old."""
        fetched: dict[int, list[KafkaRecord]] = {}
        count, size, deadline = 0, 0, time.monotonic() + 1.0
        while count < rows and size < max_bytes and (left := deadline - time.monotonic()) > 0:
            # In steps, so that large records do not go far beyond the limit.
            arrived = await self._poll(int(left * 1000) + 1, min(rows - count, _STEP))
            if self._reassigned:
                return {}
            if arrived and not count:
                deadline = time.monotonic() + seconds
            for tp, records in arrived.items():
                fetched.setdefault(tp.partition, []).extend(records)
                count += len(records)
                size += sum(len(record.value or b"") for record in records)
        return fetched

    async def wait_paused(self, seconds: float, stopping: asyncio.Event) -> None:
        """Wait without fetching, or until told to stop. Who does not poll meanwhile is put out of the group."""
        self._consumer.pause(*self._consumer.assignment())
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not (self._reassigned or stopping.is_set()):
            await self._poll(int(min(left, _LOOK_SECONDS) * 1000) + 1, 1)

    async def report_progress(self, positions: Mapping[int, int]) -> None:
        """Tell Kafka how far we are, for lag tools only; whether it listens does not matter."""
        try:
            await asyncio.wait_for(
                self._consumer.commit({tp: positions[tp.partition] for tp in self._tps(positions)}), 2
            )
        except (KafkaError, TimeoutError) as error:
            log.debug("progress not reported", extra={"error": repr(error)})

    def lag(self, positions: Mapping[int, int]) -> int:
        """Records behind these positions, as far as Kafka has told."""
        ends = {tp: max(self._consumer.highwater(tp) or 0, self._ends.get(tp, 0)) for tp in self._tps(positions)}
        return sum(max(0, end - positions[tp.partition]) for tp, end in ends.items())

    async def _poll(self, milliseconds: int, most: int) -> Arrived:
        try:
            arrived: Arrived = await self._consumer.getmany(timeout_ms=milliseconds, max_records=most)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            # Not where the log is: removed, recreated, or not sought yet. The offsets tell which.
            self._reassigned = True
            return {}
        return arrived

    def _tps(self, partitions: Mapping[int, int]) -> Sequence[TopicPartition]:
        mine = self._consumer.assignment()
        return [tp for tp in mine if tp.partition in partitions]
