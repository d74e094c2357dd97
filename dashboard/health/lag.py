"""Measures the lag of the consumers of `events`, in events and in time, by asking the brokers."""

import time
from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas import topic
from dashboard.health.pipeline import ConsumerLag
from service_kit.kafka import KafkaSettings
from service_kit.kafka_consumer import new_consumer

# Consumer groups by the name that the page shows.
GROUPS = {name.replace("_", " "): group for name, group in topic.named(topic.EVENTS).consumer_groups.items()}
_FIRST_RECORD_SECONDS = 2.0

Positions = Mapping[TopicPartition, int]


class LagMeter:
    """Two connected clients. After an error, stop it and make a new one."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._topic = kafka.name(topic.EVENTS)
        self._admin = AIOKafkaAdminClient(**kafka.client_options(), client_id="footfall-dashboard")
        self._consumer = new_consumer(
            **kafka.client_options(),
            client_id="footfall-dashboard",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Only the first pending record of a partition is looked at.
            max_partition_fetch_bytes=16 * 1024,
        )

    async def start(self) -> None:
        await self._admin.start()
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def lags(self) -> list[ConsumerLag]:
        """The lag of each consumer group, as of its last commit, a second or so ago."""
        partitions = await self._assign_all()
        ends = await self._consumer.end_offsets(partitions)
        starts = await self._consumer.beginning_offsets(partitions)
        lags = []
        for consumer, group in GROUPS.items():
            committed = await self._admin.list_consumer_group_offsets(self._kafka.name(group))
            positions = {tp: _position(committed, tp, starts[tp]) for tp in partitions}
            behind = {tp: position for tp, position in positions.items() if position < ends[tp]}
            events = sum(ends[tp] - position for tp, position in behind.items())
            lags.append(ConsumerLag(consumer, events, await self._oldest_pending_ms(behind)))
        return lags

    async def _assign_all(self) -> list[TopicPartition]:
        """All partitions, those that were added since included. They are paused: nothing of them is fetched."""
        (described,) = await self._admin.describe_topics([self._topic])
        partitions = sorted(TopicPartition(self._topic, each["partition"]) for each in described["partitions"])
        if set(partitions) != self._consumer.assignment():
            self._consumer.assign(partitions)
            self._consumer.pause(*partitions)
        return partitions

    async def _oldest_pending_ms(self, behind: Positions) -> int:
        """The age of the oldest of the first pending records of these partitions, in milliseconds."""
        if not behind:
            return 0
        for tp, position in behind.items():
            self._consumer.seek(tp, position)
        self._consumer.resume(*behind)
        appended: dict[TopicPartition, int] = {}
        deadline = time.monotonic() + _FIRST_RECORD_SECONDS
        while len(appended) < len(behind) and time.monotonic() < deadline:
            for tp, records in (await self._consumer.getmany(*behind, timeout_ms=250)).items():
                appended.setdefault(tp, records[0].timestamp)
        self._consumer.pause(*behind)
        now = time.time_ns() // 1_000_000
        return max(0, now - min(appended.values(), default=now))


def _position(committed: Mapping[TopicPartition, object], tp: TopicPartition, start: int) -> int:
    """The group's next offset: the start of the partition, if it has committed none or retention has passed it."""
    offset: int = getattr(committed.get(tp), "offset", -1)
    return max(offset, start)
