"""The topic `events` as a source. Of this folder, only this module knows aiokafka."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from avro_schemas.topic import EVENTS, named
from service_kit.kafka.consumer import new_consumer, step_over
from service_kit.kafka.fetches import Covered, follow_fetches
from service_kit.kafka.topic_log import EpochEnd, epoch_ends, topic_identity
from service_kit.kafka.unreadable import DamagedBatch, StoppedPartitions, how_to_go_on
from sinks import metrics
from sinks.landing.ports import Fetched, PartitionOffsets
from sinks.settings import Settings

log = logging.getLogger(__name__)

# Records per poll. A batch takes several, so that large records do not go far beyond its limit of bytes.
_POLL_RECORDS = 1000
# How long a fetch waits for its first record.
_FETCH_TIMEOUT_SECONDS = 1.0
# How often a wait with paused partitions checks whether it is over.
_PAUSED_POLL_SECONDS = 0.5
_COMMIT_TIMEOUT_SECONDS = 2.0

GROUP = named(EVENTS).consumer_groups["sinks"]

Polled = Mapping[TopicPartition, Covered]


def _add(fetched: dict[int, Covered], partition: int, more: Covered) -> None:
    """Add what follows to what was fetched: what is between the two holds no record."""
    known = fetched.setdefault(partition, more)
    if known is not more:
        known.extend(more)
        known.next, known.epoch = more.next, more.epoch


class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types here
    """A member of the consumer group. It never chooses a position itself: `seek` sets them."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._kafka = settings.kafka
        # Set by every rebalance, and by a position that is not in the log; cleared when the offsets are looked up.
        # While it is set, fetched records are dropped: they may belong to somebody else.
        self._reassigned = True
        self._on_revoked: Callable[[], Awaitable[None]] | None = None
        # Where partitions ended when we last asked. Until a partition is fetched from, the consumer does not know.
        self._end_offsets: Mapping[TopicPartition, int] = {}
        # The offset to fetch next, and the leader epoch of the last fetch: by partition, since `seek`.
        self._next: dict[int, int] = {}
        self._epochs: dict[int, int] = {}
        self._fetches = follow_fetches()
        # Partitions that are not fetched from, as a damaged batch comes next.
        self.stopped = StoppedPartitions()
        step_over(settings.skip.places())
        self._consumer = new_consumer(
            **settings.kafka.client_options(),
            # By this our members are known from others in the group.
            client_id=GROUP,
            group_id=settings.kafka.name(GROUP),
            group_instance_id=settings.group_instance_id,
            enable_auto_commit=False,
            # A missing position is an error, as the store knows it and Kafka's client must not guess.
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=1024 * 1024,
            fetch_max_wait_ms=100,
            session_timeout_ms=int(settings.group_session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(settings.group_session_timeout_seconds * 200),
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
        """Whether partitions were assigned or revoked since `partition_offsets`."""
        return self._reassigned

    @property
    def assigned_partitions(self) -> set[int]:
        """The partitions that this process is to land."""
        return {tp.partition for tp in self._consumer.assignment()}

    @property
    def topic_partitions(self) -> int:
        """How many the topic has; 0 before Kafka has told us."""
        return len(self._consumer.partitions_for_topic(self._topic) or ())

    def on_revoked(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Set what to await when partitions are revoked. Others get them only after it has returned."""
        self._on_revoked = callback

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Called by the consumer in a rebalance, before the partitions are given to others."""
        self._reassigned = True
        if self._on_revoked:
            await self._on_revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Called by the consumer at the end of a rebalance. Nothing is fetched until the positions are set."""
        self._reassigned = True

    async def topic_id(self) -> UUID | None:
        """Kafka's id of the topic as it is now."""
        return (await topic_identity(self._kafka, self._topic)).topic_id

    async def partition_offsets(self) -> dict[int, PartitionOffsets]:
        """What Kafka has of each assigned partition. Waits a little if there is none yet."""
        # First, so that a rebalance during the requests below is not missed.
        self._reassigned = False
        self._forget_stopped()
        assigned = list(self._consumer.assignment())
        if not assigned:
            # A member that does not poll is removed from the group. Records that this may fetch are fetched again,
            # as nothing lands before `seek`.
            await self._poll(100, 1)
            return {}
        begins = await self._consumer.beginning_offsets(assigned)
        self._end_offsets = ends = await self._consumer.end_offsets(assigned)
        committed = await asyncio.gather(*map(self._consumer.committed, assigned))
        return {
            tp.partition: PartitionOffsets(begins[tp], ends[tp], max(begins[tp], offset or 0))
            for tp, offset in zip(assigned, committed, strict=True)
        }

    async def seek(self, positions: Mapping[int, int]) -> None:
        """Fetch from these offsets on, and end a pause."""
        self._next, self._epochs = dict(positions), {}
        for tp in self._assigned(positions):
            self._consumer.seek(tp, positions[tp.partition])
        self._consumer.resume(*self._consumer.paused())

    async def fetch(self, max_rows: int, max_bytes: int, max_age_seconds: float) -> Fetched:
        """Poll until there are that many records or bytes, or until the first of them is that old."""
        due = {TopicPartition(*place) for place in self.stopped.due(time.monotonic())}
        self._consumer.resume(*due & self._consumer.assignment())
        fetched: dict[int, Covered] = {}
        count, size, deadline = 0, 0, time.monotonic() + _FETCH_TIMEOUT_SECONDS
        while count < max_rows and size < max_bytes and (left := deadline - time.monotonic()) > 0:
            polled = await self._poll(int(left * 1000) + 1, min(max_rows - count, _POLL_RECORDS))
            if self._reassigned:
                return {}
            if polled and not count:
                deadline = time.monotonic() + max_age_seconds
            for tp, records in polled.items():
                if tp.partition not in fetched:
                    self._add_empty_before(tp, records)
                _add(fetched, tp.partition, records)
                count += len(records)
                size += sum(len(record.value or b"") for record in records)
        self._add_empty(fetched)
        if self._has_new_leader(fetched):
            # Whether the log still holds what has landed is asked with the offsets.
            self._reassigned = True
            return {}
        self._next |= {partition: records.next for partition, records in fetched.items()}
        return fetched

    def _add_empty_before(self, tp: TopicPartition, records: Covered) -> None:
        """Offsets in front of the first records that hold none: an earlier poll may have shown them."""
        empty = self._fetches.empty_from(tp, self._next.get(tp.partition, records.start))
        if empty and empty.next == records.start:
            records.start = empty.start

    def _add_empty(self, fetched: dict[int, Covered]) -> None:
        """Offsets behind the records that hold none."""
        for tp in self._assigned(self._next):
            following = fetched[tp.partition].next if tp.partition in fetched else self._next[tp.partition]
            if empty := self._fetches.empty_from(tp, following):
                _add(fetched, tp.partition, Covered((), empty.start, empty.next, empty.epoch))

    def _has_new_leader(self, fetched: Mapping[int, Covered]) -> bool:
        """Whether a partition has another leader than at the last fetch."""
        before = self._epochs
        known = {partition: records.epoch for partition, records in fetched.items() if records.epoch >= 0}
        self._epochs = before | known
        return any(self._epochs[partition] != epoch for partition, epoch in before.items())

    async def epoch_ends(self, epochs: Mapping[int, int]) -> dict[int, EpochEnd]:
        """Where these leader epochs end in the log."""
        return await epoch_ends(self._kafka, self._topic, epochs) if epochs else {}

    def uncommitted(self) -> int:
        """Records at the end of the assigned partitions that wait for the end of a transaction of others."""
        found = 0
        for tp in self._consumer.assignment():
            end, stable = self._consumer.highwater(tp), self._consumer.last_stable_offset(tp)
            if end is not None and stable is not None and stable >= 0:
                found += max(0, end - stable)
        return found

    async def wait_paused(self, seconds: float, stopping: asyncio.Event) -> None:
        """Wait without fetching. The polling goes on, as a member that does not poll is removed from the group."""
        self._consumer.pause(*self._consumer.assignment())
        deadline = time.monotonic() + seconds
        # A pause may begin with this set, for a reason that it already had: only a rebalance ends it early.
        self._reassigned = False
        while (left := deadline - time.monotonic()) > 0 and not (self._reassigned or stopping.is_set()):
            seconds = min(left, _PAUSED_POLL_SECONDS)
            try:
                await self._consumer.getmany(timeout_ms=int(seconds * 1000) + 1, max_records=1)
            except (OffsetOutOfRangeError, NoOffsetForPartitionError):
                # Before the first `seek` of a group that has committed nothing. It comes after the pause.
                await asyncio.sleep(seconds)
        self._reassigned = True

    async def report_progress(self, positions: Mapping[int, int]) -> None:
        """Commit these offsets for lag tools. It does not matter if that fails: the store has the real ones."""
        offsets = {tp: positions[tp.partition] for tp in self._assigned(positions)}
        try:
            await asyncio.wait_for(self._consumer.commit(offsets), _COMMIT_TIMEOUT_SECONDS)
        except (KafkaError, TimeoutError) as error:
            log.debug("progress not reported", extra={"error": repr(error)})

    def lag(self, positions: Mapping[int, int]) -> int:
        """Records from these offsets to the end, as far as Kafka has told us."""
        ends = {
            tp: max(self._consumer.highwater(tp) or 0, self._end_offsets.get(tp, 0))
            for tp in self._assigned(positions)
        }
        return sum(max(0, end - positions[tp.partition]) for tp, end in ends.items())

    async def _poll(self, milliseconds: int, max_records: int) -> Polled:
        try:
            polled: Polled = await self._consumer.getmany(timeout_ms=milliseconds, max_records=max_records)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            # The position is not in the log: records were removed, the topic was recreated, or `seek` is still to
            # come. Looking up the offsets again tells which.
            self._reassigned = True
            return {}
        for tp, records in list(polled.items()):
            if isinstance(last := records[-1], DamagedBatch):
                records.pop()
                self._stop_at(tp, last)
            else:
                self._go_on(tp)
        return {tp: records for tp, records in polled.items() if records}

    def _stop_at(self, tp: TopicPartition, batch: DamagedBatch) -> None:
        """What comes before the batch lands, and the other partitions go on."""
        self._consumer.pause(tp)
        if self.stopped.stop(tp.topic, tp.partition, batch, time.monotonic()):
            log.critical("%s", how_to_go_on(tp.topic, tp.partition, batch))
        metrics.DAMAGED_BATCH_OFFSET.labels(tp.partition).set(batch.offset)

    def _go_on(self, tp: TopicPartition) -> None:
        if (tp.topic, tp.partition) in self.stopped.batches():
            self.stopped.read(tp.topic, tp.partition)
            metrics.DAMAGED_BATCH_OFFSET.remove(tp.partition)

    def _forget_stopped(self) -> None:
        """At an assignment: others may own the partitions now."""
        self.stopped.clear()
        metrics.DAMAGED_BATCH_OFFSET.clear()

    def _assigned(self, partitions: Mapping[int, int]) -> Sequence[TopicPartition]:
        return [tp for tp in self._consumer.assignment() if tp.partition in partitions]
