"""How far the readers of `events` are behind its end."""

from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas import topic as topics
from footfall.kafka.reader import ends, reader
from service_kit.kafka import KafkaSettings


@dataclass(frozen=True, slots=True)
class Lag:
    """A reader's place in a partition; `position` is None where it never was."""

    reader: str
    partition: int
    position: int | None
    end: int

    @property
    def records(self) -> int:
        """Records between the place and the end."""
        return self.end - (self.position or 0)


async def lags(kafka: KafkaSettings) -> list[Lag]:
    """Every reader's place in every partition, as it last reported: a second or so ago."""
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        groups = topics.named(topics.EVENTS).consumer_groups
        places = {
            service.replace("_", " "): await admin.list_consumer_group_offsets(kafka.name(group))
            for service, group in groups.items()
        }
    finally:
        await admin.close()
    topic = kafka.name(topics.EVENTS)
    async with reader(kafka, topic) as consumer:
        after = await ends(consumer)
    return [
        Lag(name, tp.partition, _position(held, tp), end)
        for name, held in places.items()
        for tp, end in sorted(after.items())
    ]


def _position(held: dict[TopicPartition, object], tp: TopicPartition) -> int | None:
    found = held.get(tp)
    offset: int = getattr(found, "offset", -1)
    return offset if offset >= 0 else None
