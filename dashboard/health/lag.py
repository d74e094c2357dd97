"""How far the readers of `events` are behind its end, in events and in time, asked of the broker."""

import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas import topic
from dashboard.health.pipeline import Lag
from service_kit.kafka import KafkaSettings

# What reads `events` to do its work, by the consumer group that it reports to.
GROUPS = {name.replace("_", " "): group for name, group in topic.named(topic.EVENTS).consumer_groups.items()}
_FIRST_RECORD_SECONDS = 2.0

Positions = Mapping[TopicPartition, int]


class LagMeter:
    """Two clients that stay connected. Start it, ask it, stop it; after an error make another one."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._topic = kafka.name(topic.EVENTS)
        self._admin = AIOKafkaAdminClient(**kafka.client_options(), client_id="footfall-dashboard")
        self._consumer = AIOKafkaConsumer(
            **kafka.client_options(),
            client_id="footfall-dashboard",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Of a backlog only the first record is looked at.
            max_partition_fetch_bytes=16 * 1024,
        )

    async def start(self) -> None:
        """Connect."""
        await self._admin.start()
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()
        await self._admin.close()

    async def lags(self) -> list[Lag]:
        """Every reader's lag, as it last reported: a second or so ago."""
        partitions = await self._partitions()
        ends = await self._consumer.end_offsets(partitions)
        begins = await self._consumer.beginning_offsets(partitions)
        found = []
        for reader, group in GROUPS.items():
            held = await self._admin.list_consumer_group_offsets(self._kafka.name(group))
            places = {tp: _position(held, tp, begins[tp]) for tp in partitions}
            behind = {tp: place for tp, place in places.items() if place < ends[tp]}
            events = sum(ends[tp] - place for tp, place in behind.items())
            found.append(Lag(reader, events, await self._oldest_waits(behind)))
        return found

    async def _partitions(self) -> list[TopicPartition]:
        await self._consumer._client.add_topic(self._topic)
        found = self._consumer.partitions_for_topic(self._topic) or set()
        return [TopicPartition(self._topic, number) for number in sorted(found)]

    async def _oldest_waits(self, behind: Positions) -> int:
        """How long the first unread record of these partitions has been there, in milliseconds."""
        if not behind:
            return 0
        self._consumer.assign(list(behind))
        for tp, place in behind.items():
            self._consumer.seek(tp, place)
        appended: dict[TopicPartition, int] = {}
        deadline = time.monotonic() + _FIRST_RECORD_SECONDS
        while len(appended) < len(behind) and time.monotonic() < deadline:
            for tp, records in (await self._consumer.getmany(timeout_ms=250)).items():
                appended.setdefault(tp, records[0].timestamp)
        self._consumer.assign([])
        now = time.time_ns() // 1_000_000
        return max(0, now - min(appended.values(), default=now))


def _position(held: Mapping[TopicPartition, object], tp: TopicPartition, begin: int) -> int:
    """Where the group goes on; at the first record there is, where it never was."""
    offset: int = getattr(held.get(tp), "offset", -1)
    return max(offset, begin)
