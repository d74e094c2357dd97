"""What a snapshot becomes: records of `live-aggregates`, `user-rates`, `events-rejected` and `events-TYPE`."""

import time
from collections.abc import Collection, Sequence
from typing import Any

from avro_schemas import topic
from avro_schemas.live_aggregates import record_key as aggregate_key
from avro_schemas.record_key import user_key_of
from avro_schemas.rejected_event import RecordPosition, bounded_key, encode_rejected_event, record_fault
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from avro_schemas.wire.codec import Undecodable
from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.record_batches import LIMITS, Output, in_groups, send_batches
from stream_app.copies import NOTHING, Copied, copy, fits, read_copied
from stream_app.settings import Settings
from stream_app.state.rates import WINDOW_SECONDS, MinuteTotal, Verdict
from stream_app.state.snapshot import RejectedRecord, Snapshot
from stream_app.state.windows import Partial

# The topic takes at least that much, or the worker is not ready.
_REJECTED_BATCH_BYTES = topic.named(topic.EVENTS_REJECTED).max_record_bytes or 0


class TopicOutputs:
    """Publishes snapshots; records go to the partition with the number of their source.

    `events-rejected` is the exception: it may have another number of partitions.
    """

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.events_per_minute
        self._events = settings.kafka.name(topic.EVENTS)
        self._rejected = settings.kafka.name(topic.EVENTS_REJECTED)
        self._aggregates = settings.kafka.name(topic.LIVE_AGGREGATES)
        self._rates = settings.kafka.name(topic.USER_RATES)
        self._client_options = settings.kafka.client_options()
        self._copies = {each: f"{self._events}-{each}" for each in settings.event_topics.event_topics}
        # How far each topic of copies reached in each partition when this worker became its owner.
        self._copied: dict[tuple[str, int], Copied] = {}
        # Set when the worker has started its producer, before the first checkpoint.
        self.producer: Any = None

    async def take_over(self, partitions: Collection[int]) -> None:
        """Read which copies are there."""
        if self._copies:
            self._copied |= await read_copied(self._client_options, self._copies.values(), partitions)

    async def publish_once(self, partition: int, snapshot: Snapshot) -> None:
        """Rejected records, with the reason and their bytes; totals of minutes that ended; copies by type."""
        now = time.time_ns() // 1_000_000
        rejected = [rejected_event(self._events, partition, each, now) for each in snapshot.rejected]
        await self._publish_rejected(rejected)
        await self._publish_rates(partition, snapshot, snapshot.minute_totals)
        for event_type, copies_topic in self._copies.items():
            there = self._copied.get((copies_topic, partition), NOTHING)
            records = [each.record for each in snapshot.copies if each.event_type == event_type]
            copies = [(record, copy(record)) for record in records if not there.covers(record)]
            limit = LIMITS.max_record(copies_topic)
            too_large = [record for record, output in copies if not fits(output, limit)]
            reported = [_not_copied(record, copies_topic) for record in too_large]
            await self._publish_rejected([rejected_event(self._events, partition, each, now) for each in reported])
            await send_batches(
                self.producer,
                copies_topic,
                partition,
                [output for _record, output in copies if fits(output, limit)],
            )

    async def publish_current(self, partition: int, snapshot: Snapshot) -> None:
        """Changed partials and verdicts."""
        partials = [live_aggregate(partition, snapshot, partial) for partial in snapshot.partials]
        await send_batches(self.producer, self._aggregates, partition, partials)
        await self._publish_rates(partition, snapshot, snapshot.verdicts)

    async def _publish_rejected(self, rejected: Sequence[Output]) -> None:
        # The producer puts what waits into one batch.
        for group in in_groups(rejected, _REJECTED_BATCH_BYTES):
            for acknowledged in [await self.producer.send(self._rejected, r.value, key=r.key) for r in group]:
                await acknowledged

    async def _publish_rates(
        self, partition: int, snapshot: Snapshot, rates: Sequence[Verdict | MinuteTotal]
    ) -> None:
        records = [user_rate(partition, snapshot, rate, self._limit) for rate in rates]
        await send_batches(self.producer, self._rates, partition, records)


def live_aggregate(partition: int, snapshot: Snapshot, partial: Partial) -> Output:
    """A partial for `live-aggregates`."""
    window_seconds = partial.window_ms // 1000
    key = aggregate_key(partition, partial.dimension, window_seconds, partial.start)
    if partial.counts is None:
        return Output(key, None)
    record = {
        "dimension": partial.dimension,
        "window_start": partial.start,
        "window_seconds": window_seconds,
        "partition": partition,
        "source_offset": snapshot.position,
        "watermark": snapshot.watermark,
        "counts": partial.counts,
        "sketch": partial.sketch,
    }
    return Output(key, codec.encode(latest()["live_aggregate"], record))


def user_rate(partition: int, snapshot: Snapshot, rate: Verdict | MinuteTotal, limit: int) -> Output:
    """A verdict, or the total of a minute, for `user-rates`."""
    record = {
        "user_key": rate.user_key.decode(),
        "measured_at": rate.ended_at if isinstance(rate, MinuteTotal) else snapshot.watermark,
        "window_seconds": WINDOW_SECONDS,
        "events": rate.events,
        "limit": limit,
        "blocked_until": rate.blocked_until,
        "partition": partition,
        "source_offset": snapshot.position,
        "final": isinstance(rate, MinuteTotal),
    }
    return Output(rate.user_key, codec.encode(latest()["user_rate"], record))


def rejected_event(topic: str, partition: int, rejected: RejectedRecord, now: int) -> Output:
    """A rejected record for `events-rejected`; `now` in milliseconds since 1970."""
    record, error = rejected.record, rejected.error
    value = encode_rejected_event(
        "stream_app",
        now,
        [record_fault(error.reason, str(error))],
        user_key=user_key_of(record.key),
        body=record.value or b"",
        position=RecordPosition(topic, partition, record.offset),
    )
    return Output(bounded_key(record.key), value)


def _not_copied(record: KafkaRecord, copies_topic: str) -> RejectedRecord:
    """An event that is counted and landed, and for which a topic of copies has no room."""
    size = len(record.value or b"")
    return RejectedRecord(record, Undecodable("too_large", f"no copy in {copies_topic}: a value of {size} bytes"))
