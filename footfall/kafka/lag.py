"""Consumer lag: how far the readers of `events` are behind its end."""

from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas.topic import EVENTS, named
from footfall.kafka.reader import end_offsets, open_consumer
from service_kit.kafka import KafkaSettings


@dataclass(frozen=True, slots=True)
class Lag:
    """A reader's position in a partition, None if it has never committed one, and the end of the partition."""

    reader: str
    partition: int
    position: int | None
    end: int

    @property
    def records(self) -> int:
        """Records between position and end."""
        return self.end - (self.position or 0)


async def current_lags(kafka: KafkaSettings) -> list[Lag]:
    """Every reader's lag in every partition, by its last commit (about a second ago)."""
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        committed = {
            service.replace("_", " "): await admin.list_consumer_group_offsets(kafka.name(group))
            for service, group in named(EVENTS).consumer_groups.items()
        }
    finally:
        await admin.close()
    async with open_consumer(kafka, kafka.name(EVENTS)) as consumer:
        ends = await end_offsets(consumer)
    return [
        Lag(name, tp.partition, _position(offsets, tp), end)
        for name, offsets in committed.items()
        for tp, end in sorted(ends.items())
    ]


def _position(offsets: dict[TopicPartition, object], tp: TopicPartition) -> int | None:
    offset: int = getattr(offsets.get(tp), "offset", -1)
    return offset if offset >= 0 else None
