"""The topic `events` as a source; the only module that knows aiokafka here."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from service_kit.kafka import KafkaSettings
from sinks import metrics
from sinks.landing import Fetched, Range
from sinks.rows import SourceRecord
from sinks.settings import Settings

log = logging.getLogger(__name__)

GROUP = "sinks"


async def cluster_id(kafka: KafkaSettings) -> str:
    """The id that tells this Kafka cluster from every other."""
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        described = await admin.describe_cluster()
        return str(described["cluster_id"])
    finally:
        await admin.close()


class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types here
    """A member of the group; positions are set from outside."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._reassigned = True
        self._consumer = AIOKafkaConsumer(
            **settings.kafka.client_options(),
            group_id=settings.kafka.name(GROUP),
            group_instance_id=settings.instance_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=1024 * 1024,
            fetch_max_wait_ms=100,
            session_timeout_ms=int(settings.session_seconds * 1000),
            heartbeat_interval_ms=int(settings.session_seconds * 200),
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

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Whatever was fetched is not ours any more; the compare-and-swap stops what is being written."""
        self._reassigned = True

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Nothing is landed until the positions are set."""
        self._reassigned = True

    async def ranges(self) -> dict[int, Range]:
        """What Kafka holds of each partition that is ours; waits a little where there is none yet."""
        self._reassigned = False
        mine = list(self._consumer.assignment())
        if not mine:
            # A member that does not poll is put out of the group; what this may fetch is sought again.
            await self._consumer.getmany(timeout_ms=100, max_records=1)
            return {}
        begins = await self._consumer.beginning_offsets(mine)
        ends = await self._consumer.end_offsets(mine)
        return {tp.partition: Range(begins[tp], ends[tp]) for tp in mine}

    async def seek(self, positions: Mapping[int, int]) -> None:
        """Go on at these offsets."""
        for tp in self._tps(positions):
            self._consumer.seek(tp, positions[tp.partition])
        self._consumer.resume(*self._consumer.paused())

    async def gather(self, most: int, seconds: float) -> Fetched:
        """What arrives until there are `most` records or the first of them is `seconds` old."""
        fetched: dict[int, list[SourceRecord]] = {}
        count, deadline = 0, time.monotonic() + 1.0
        while count < most and (left := deadline - time.monotonic()) > 0:
            arrived = await self._consumer.getmany(timeout_ms=int(left * 1000) + 1, max_records=most - count)
            if self._reassigned:
                return {}
            if arrived and not count:
                deadline = time.monotonic() + seconds
            for tp, records in arrived.items():
                fetched.setdefault(tp.partition, []).extend(records)
                count += len(records)
        return fetched

    async def wait_paused(self, seconds: float) -> None:
        """Wait without fetching. Polling goes on, as a member that does not poll is put out of the group."""
        mine = self._consumer.assignment()
        self._consumer.pause(*mine)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            await self._consumer.getmany(timeout_ms=int(left * 1000) + 1)

    async def report_progress(self, positions: Mapping[int, int]) -> None:
        """Tell Kafka how far we are, for lag tools only; whether it listens does not matter."""
        try:
            await asyncio.wait_for(
                self._consumer.commit({tp: positions[tp.partition] for tp in self._tps(positions)}), 2
            )
        except (KafkaError, TimeoutError) as error:
            log.debug("progress not reported", extra={"error": repr(error)})
        metrics.LAG.set(sum(self._lag(tp, positions) for tp in self._tps(positions)))

    def _lag(self, tp: TopicPartition, positions: Mapping[int, int]) -> int:
        highwater = self._consumer.highwater(tp)
        return max(0, highwater - positions[tp.partition]) if highwater else 0

    def _tps(self, partitions: Mapping[int, int]) -> Sequence[TopicPartition]:
        mine = self._consumer.assignment()
        return [tp for tp in mine if tp.partition in partitions]
