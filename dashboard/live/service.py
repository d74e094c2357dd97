"""The live service: follows the topics, merges their records into the live state, and feeds the hub."""

import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from avro_schemas import topic
from avro_schemas.live_aggregates import MINUTE_MS
from avro_schemas.wire.codec import decode_values
from dashboard.health.pipeline import PipelineHealth
from dashboard.live import feed
from dashboard.live.feed_reader import FeedReader
from dashboard.live.hub import Hub
from dashboard.live.people_now import SHOWN_MINUTES
from dashboard.live.rejected_events import RejectedEvents
from dashboard.live.snapshot import Json, snapshot
from dashboard.live.state import LiveState
from service_kit.kafka.follower import Follower
from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

_CLIENT_ID = "footfall-dashboard"


class LiveService:
    """Everything behind the live page. While Kafka is unavailable it shows what it has."""

    def __init__(self, kafka: KafkaSettings, health: PipelineHealth) -> None:
        self.state = LiveState()
        self._rejected, self._health = RejectedEvents(), health
        # The last offset by partition that is counted in `_rejected`.
        self._rejected_offsets: dict[int, int] = {}
        # Of people's events, and of those of programs too.
        self.hub, self.hub_with_programs = Hub(self.snapshot), Hub(partial(self.snapshot, with_programs=True))
        self.follower = Follower(kafka, topic.LIVE_AGGREGATES, client_id=_CLIENT_ID, on_records=self._merge)
        self._rejected_follower = Follower(
            kafka,
            topic.EVENTS_REJECTED,
            client_id=_CLIENT_ID,
            on_records=self._add_rejected,
            look_back_ms=SHOWN_MINUTES * MINUTE_MS,
        )
        self._feed_reader = FeedReader(kafka, has_viewers=lambda: self.viewers > 0, send=self._send_feed)

    def background(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs as long as the dashboard does, by name."""
        return {
            "following the live counts": self.follower.run(),
            "following the rejected events": self._rejected_follower.run(),
            "the feed": self._feed_reader.run(),
            "the event streams": self.hub.run(),
            "the event streams with programs": self.hub_with_programs.run(),
        }

    @property
    def viewers(self) -> int:
        """How many pages are open."""
        return len(self.hub.viewers) + len(self.hub_with_programs.viewers)

    def snapshot(self, *, with_programs: bool = False) -> Json:
        """The snapshot of this moment: of people's events, or of those of programs too."""
        now = time.time_ns() // 1_000_000
        connected = self.follower.connected
        return snapshot(
            self.state, self._rejected, self._health, now, connected=connected, with_programs=with_programs
        )

    @property
    def newest_event_at(self) -> int:
        """When the newest counted event was appended, in milliseconds since 1970; 0 before the first."""
        return self.state.watermark or 0

    def counted_offsets(self) -> Mapping[int, int]:
        """By partition, the first offset that is not counted; empty until all counts are read."""
        return self.state.counted_offsets if self.follower.caught_up else {}

    def _merge(self, _partition: int, records: Sequence[KafkaRecord]) -> None:
        for each in decode_values((record.value for record in records), "live_aggregate"):
            try:
                self.state.merge(each)
            except Exception:  # raised further, it would end the follower, which would meet it again
                log.exception("a partial cannot be merged", extra={"dimension": each["dimension"]})

    def _add_rejected(self, partition: int, records: Sequence[KafkaRecord]) -> None:
        entries = []
        for record in records:
            # After a lost connection the follower reads the last hour again.
            if record.offset <= self._rejected_offsets.get(partition, -1):
                continue
            self._rejected_offsets[partition] = record.offset
            for value in decode_values([record.value], "rejected_event"):
                if event := self._rejected.add(value):
                    entries.append(feed.rejected_entry(event))
        newest = entries[-feed.MAX_ENTRIES :]
        if newest:
            self._send_feed(newest, len(entries) - len(newest))

    def _send_feed(self, entries: Sequence[Json], skipped: int) -> None:
        for hub in (self.hub, self.hub_with_programs):
            hub.send_feed(entries, skipped)
