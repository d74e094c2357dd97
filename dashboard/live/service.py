"""The live side at work: what is followed, what is held, and who is told."""

import time
from collections.abc import Coroutine, Sequence
from typing import Any

from avro_schemas import topic
from avro_schemas.live_aggregates import MINUTE_MS
from avro_schemas.wire.codec import decode_values
from dashboard.health.pipeline import Pipeline
from dashboard.live import feed
from dashboard.live.hub import Hub
from dashboard.live.rejections import Rejections
from dashboard.live.snapshot import Json, Sources, snapshot
from dashboard.live.state import SHOWN_MINUTES, Board
from dashboard.live.tail import Tail
from service_kit.follower import Follower
from service_kit.kafka import KafkaRecord, KafkaSettings

_CLIENT = "footfall-dashboard"


class Live:
    """Everything behind the live page. It shows what it has while Kafka is away."""

    def __init__(self, kafka: KafkaSettings, pipeline: Pipeline) -> None:
        self._sources = Sources(Board(), Rejections(), pipeline)
        self._rejected_offsets: dict[int, int] = {}
        self.hub = Hub(self.snapshot)
        self.follower = Follower(kafka, topic.LIVE_AGGREGATES, client_id=_CLIENT, take=self._count)
        self._rejected = Follower(
            kafka,
            topic.EVENTS_REJECTED,
            client_id=_CLIENT,
            take=self._reject,
            look_back_ms=SHOWN_MINUTES * MINUTE_MS,
        )
        self._tail = Tail(kafka, watched=lambda: bool(self.hub.viewers), show=self.hub.feed)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What runs as long as the dashboard does."""
        return [self.follower.run(), self._rejected.run(), self._tail.run(), self.hub.run()]

    def snapshot(self) -> Json:
        """All numbers, now."""
        return snapshot(self._sources, time.time_ns() // 1_000_000, connected=self.follower.connected)

    @property
    def newest_event(self) -> int:
        """When the newest counted event was appended, in milliseconds since 1970; 0 before the first."""
        return self._sources.board.watermark or 0

    def _count(self, records: Sequence[KafkaRecord]) -> None:
        for partial in decode_values((record.value for record in records), "live_aggregate"):
            self._sources.board.merge(partial)

    def _reject(self, records: Sequence[KafkaRecord]) -> None:
        shown = []
        for record in records:
            # After a lost connection the last hour comes again.
            if record.offset <= self._rejected_offsets.get(record.partition, -1):
                continue
            self._rejected_offsets[record.partition] = record.offset
            for rejected in decode_values([record.value], "rejected_event"):
                if taken := self._sources.rejections.take(rejected):
                    shown.append(feed.rejected(taken))
        newest = shown[-feed.MAX_CONCURRENT :]
        if newest:
            self.hub.feed(newest, len(shown) - len(newest))
