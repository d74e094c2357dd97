"""Measures the lag of the consumers of `events`, in events and in time, by what they did and where partitions end.

What their groups committed is only a first guess: anybody who joins a group moves that.
"""

import time
from collections.abc import Awaitable, Callable, Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas import topic
from dashboard.health.pipeline import ConsumerLag
from service_kit.kafka.consumer import new_consumer
from service_kit.kafka.settings import KafkaSettings

_GROUPS = topic.named(topic.EVENTS).consumer_groups
_FIRST_RECORD_SECONDS = 2.0

Positions = Mapping[TopicPartition, int]
# By partition, the first offset that a consumer has not counted or landed. Empty while that is not known.
Offsets = Mapping[int, int]


class LagMeter:
    """Two connected clients. After an error, stop it and make a new one."""

    def __init__(
        self, kafka: KafkaSettings, counted: Callable[[], Offsets], landed: Callable[[], Awaitable[Offsets]]
    ) -> None:
        """`counted` by the stream app, and `landed` by the sinks."""
        self._kafka, self._counted, self._landed = kafka, counted, landed
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
        """The lag of each consumer."""
        partitions = await self._assign_all()
        # Before the ends, or a consumer could be ahead of them.
        done = {"stream_app": self._counted(), "sinks": await self._landed()}
        ends = await self._consumer.end_offsets(partitions)
        starts = await self._consumer.beginning_offsets(partitions)
        lags = []
        for consumer, offsets in done.items():
            if not offsets or any(offsets.get(tp.partition, 0) > end for tp, end in ends.items()):
                # Not known yet, or of an earlier topic of the same name.
                offsets = await self._committed(_GROUPS[consumer])
            positions = {tp: max(offsets.get(tp.partition, 0), starts[tp]) for tp in partitions}
            behind = {tp: position for tp, position in positions.items() if position < ends[tp]}
            events = sum(ends[tp] - position for tp, position in behind.items())
            lags.append(ConsumerLag(consumer.replace("_", " "), events, await self._oldest_pending_ms(behind)))
        return lags

    async def _committed(self, group: str) -> Offsets:
        found = await self._admin.list_consumer_group_offsets(self._kafka.name(group))
        return {tp.partition: committed.offset for tp, committed in found.items()}

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
