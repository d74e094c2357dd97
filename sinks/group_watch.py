"""Says who is in the group that is not ours: what strangers are given does not land, and looks as if it did.

The lag of the group does not help, as a stranger commits offsets too.
"""

import asyncio
import contextlib
import logging

from aiokafka.errors import KafkaError

from avro_schemas.topic import EVENTS
from service_kit.kafka.group_members import foreign, members
from service_kit.kafka.settings import KafkaSettings
from sinks import metrics
from sinks.landing.kafka_source import GROUP, KafkaSource

log = logging.getLogger(__name__)

CHECK_SECONDS = 15.0
_TIMEOUT_SECONDS = 20.0


class GroupWatch:
    """Looks at the group now and then. `foreign`: what `/readyz` says while there are strangers."""

    def __init__(self, kafka: KafkaSettings, source: KafkaSource) -> None:
        self._kafka, self._source = kafka, source
        self.foreign: str | None = None
        metrics.PARTITIONS.set_function(lambda: len(source.assigned_partitions))
        metrics.TOPIC_PARTITIONS.set_function(lambda: source.topic_partitions)

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until `stopping` is set. While Kafka does not answer, what was found last holds."""
        while not stopping.is_set():
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    await self._look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), CHECK_SECONDS)

    async def _look(self) -> None:
        found = await members(self._kafka, GROUP, EVENTS)
        before, self.foreign = self.foreign, foreign(GROUP, found, self._source.assigned_partitions)
        if self.foreign and self.foreign != before:
            log.error("%s", self.foreign)
