"""Consumer, producer and schema that hand a fetched list of records through Faust as one event."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from service_kit.kafka.consumer import ReadableRecords, install
from service_kit.kafka.fetches import Fetches, follow_fetches
from service_kit.kafka.unreadable import DamagedBatch
from stream_app import metrics
from stream_app.engine.app import FootfallApp
from stream_app.engine.assignment import leave_group
from stream_app.engine.log_check import check_start
from stream_app.engine.partitions import OwnedPartition

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
# How long a fetch waits for records: a recovery begins to read when the last fetch before the rebalance has ended.
FETCH_SECONDS = 0.5


class RawBatches(faust.Schema):  # type: ignore[misc] # Faust has no types here
    """The value of an event is the list of records, undecoded."""

    def loads_key(self, app: Any, message: Any, **_options: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **_options: Any) -> Any:
        return message.value


class IdempotentProducer(driver.Producer):  # type: ignore[misc] # Faust has no types here
    """Faust's producer is idempotent only under `exactly_once`, which this app must not use."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


async def started_producer(app: FootfallApp) -> Any:
    """The aiokafka producer inside Faust's: only it can send whole record batches."""
    producer = await app.maybe_start_producer()
    return producer._ensure_producer()


class BatchConsumer(driver.Consumer):  # type: ignore[misc] # Faust has no types here
    """One message per fetched list of a partition; starts at the state's position; commits what is durable."""

    app: FootfallApp
    # aiokafka's consumer, once the thread has created it.
    aiokafka_consumer: Any = None
    # Which offsets hold no record; from then on too.
    fetches: Fetches
    # How often a rebalance or the end has stopped the flow. What was fetched before is not delivered after.
    flow_stops = 0

    async def on_start(self) -> None:
        """From now on the probes may ask."""
        self.app.has_consumer = True
        await super().on_start()

    def uncommitted(self, tp: TP) -> int:
        """Records at the end of a partition that wait for the end of a transaction of others."""
        stable = self.aiokafka_consumer.last_stable_offset(tp) if self.aiokafka_consumer else None
        return max(0, (self.highwater(tp) or 0) - stable) if stable is not None and stable >= 0 else 0

    @property
    def is_connected(self) -> bool:
        """Whether any broker is connected; without one, a restart of this process would not help."""
        if self.aiokafka_consumer is None:
            return False
        return any(connection.connected() for connection in self.aiokafka_consumer._client._conns.values())

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group, unless the table is missing: Faust subscribes without it while it stops.

        The partitions that this brings have no state, and the next start gets the same: see `assignment`.
        """
        names = set(topics)
        if self.app.changelog_topic not in names:
            log.info("not joining the group without the state's changelog")
            return
        await super().subscribe(names)

    async def leave_group(self) -> None:
        """End the membership that a group instance id would keep for the next start. Without one there is none."""
        instance_id = self.app.conf.consumer_group_instance_id
        if instance_id and self.aiokafka_consumer is not None:
            client = self.aiokafka_consumer._client
            await self._thread.call_thread(leave_group, client, self.app.conf.id, instance_id)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """As upstream, but a message holds the whole list of records and the offset of the last one."""
        records, active = await self._wait_next_records(min(timeout, FETCH_SECONDS))
        flow_stops = self.flow_stops
        if records is None or self.should_stop:
            return
        for tp, batch in self._until_damage(records):
            if self.flow_stops != flow_stops:
                break
            if batch and (active is None or tp in active or tp in self._buffered_partitions):
                message = self._to_message(tp, _consumer_record(tp, batch[-1]))
                message.value = batch
                # Faust drops records before the last offset that it delivered, also after a seek back. The state
                # skips records that come twice; records that never come would be missing from the counts.
                self._read_offset[tp] = None
                yield tp, message

    def stop_flow(self) -> None:
        """As upstream; a fetch that goes on takes nothing more."""
        self.flow_stops += 1
        super().stop_flow()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        fetch = _Fetch(self, active_partitions)
        records: Mapping[TP, list[Any]] = await super()._getmany(fetch, timeout)
        return {} if fetch.is_over else records

    def _until_damage(self, fetched: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, list[Any]]]:
        """The records up to a damaged batch. Its partition is not fetched from for a while, the others are."""
        stopped = self.app.stopped
        for tp, records in fetched.items():
            if records and type(records[-1]) is DamagedBatch:
                batch = records.pop()
                # Before the pause, which would keep them from being folded too.
                yield tp, records
                if stopped.stop(tp.topic, tp.partition, batch, time.monotonic()):
                    log.critical("%s", stopped.how_to_go_on(tp.topic, tp.partition, batch))
                metrics.DAMAGED_BATCH_OFFSET.labels(tp.topic, tp.partition).set(batch.offset)
                self.pause_partitions({tp})
            else:
                if records and (tp.topic, tp.partition) in stopped.batches():
                    stopped.read(tp.topic, tp.partition)
                    metrics.DAMAGED_BATCH_OFFSET.remove(tp.topic, tp.partition)
                yield tp, records

    async def seek(self, partition: TP, offset: int) -> None:
        """As upstream; a partition that stops at a damaged batch is fetched from again."""
        await super().seek(partition, offset)
        if (partition.topic, partition.partition) in self.app.stopped.batches():
            self.resume_partitions({partition})

    def retry_stopped(self) -> None:
        """Fetch again from partitions that stop at a damaged batch, if it is time."""
        if due := self.app.stopped.due(time.monotonic()):
            self.resume_partitions({TP(*place) for place in due} & self.assignment())

    async def perform_seek(self) -> None:
        """Seek to the state's position; only from then on are records folded.

        This opens the recovery gate. Faust calls it at the end of a recovery, when the flow is about to resume.
        Where the state is not restored yet (a rebalance came in between), the gate stays closed until the next
        call.
        """
        await super().perform_seek()
        for tp in self._events_tps():
            # The group's own offset is not known: commit whatever is durable the next time.
            self._committed_offset[tp] = None
        self.app.owned.accepting = self.app.owned.recovered

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the states' own positions; the committed offsets do not matter."""
        if not self.app.owned.recovered:
            seeked: Mapping[TP, int] = await super().seek_to_committed()
            return seeked
        tps = self._events_tps()
        if not tps:
            return {}
        owned = self.app.owned.partitions.copy()
        first_offsets = await self.earliest_offsets(*tps)
        end_offsets = await self.highwaters(*tps)
        if not self._owns(owned):
            return {}  # a rebalance came in between; it seeks again
        logs = {tp.partition: (first_offsets.get(tp) or 0, end_offsets.get(tp) or 0) for tp in tps}
        starts = await check_start(self.app, logs)
        if not self._owns(owned):
            return {}
        positions = {TP(self.app.events_topic, partition): start for partition, start in starts.items()}
        await self.seek_wait(positions)
        return positions

    def _owns(self, partitions: Mapping[int, OwnedPartition]) -> bool:
        return self.app.owned.recovered and self.app.owned.partitions == partitions

    def _events_tps(self) -> list[TP]:
        return [TP(self.app.events_topic, partition) for partition in self.app.owned.partitions]

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        """Every partition with a durable offset, in place of Faust's own accounting of acknowledgements."""
        return iter(self._events_tps() if self.app.owned.accepting else [])

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        owned = self.app.owned.partitions.get(tp.partition)
        return owned.durable if owned and owned.durable > 0 else None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Not needed: Faust accounts for each offset, and batches would be gaps all the time."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Not needed: Faust's livelock detector follows its own accounting; /healthz follows the states."""

    async def wait_empty(self) -> None:
        """Before a stop and before partitions are revoked: a last checkpoint, then its commit."""
        try:
            await asyncio.wait_for(super().wait_empty(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("not all batches were folded within %.0f s; they will be read again", DRAIN_SECONDS)
        if self.app.owned.accepting:
            await self.app.checkpoints.write_all()
            await self.commit()
            self.app.owned.accepting = False

    def _new_consumer_thread(self) -> Any:
        return _TunedConsumerThread(self, loop=self.loop, beacon=self.beacon)


class _Fetch:
    """The partitions that one fetch may take records of: the active ones, until the flow stops.

    A fetch waits for records, and a rebalance may come meanwhile. aiokafka asks this, in its thread, before it
    takes records of a partition. After the flow has stopped, they are for the recovery, which would wait for ever
    for those that an earlier fetch took. (Upstream passes its set of active partitions. A rebalance empties it for
    a moment, and to aiokafka that means all partitions.)
    """

    def __init__(self, consumer: BatchConsumer, active: set[TP] | None) -> None:
        self._consumer, self._active, self._flow_stops = consumer, active, consumer.flow_stops

    @property
    def is_over(self) -> bool:
        """Whether the flow has stopped since this fetch began."""
        return self._consumer.flow_stops != self._flow_stops

    def __contains__(self, tp: TP) -> bool:
        return not self.is_over and (self._active is None or tp in self._active)


class LeanRecords(ReadableRecords):
    """The records as they were parsed: wrapping each in a `ConsumerRecord` takes a third of the time to fetch."""

    def _consumer_record(self, tp: TP, record: Any) -> Any:
        return record


def _consumer_record(tp: TP, record: Any) -> ConsumerRecord:
    """What Faust needs of a record."""
    return ConsumerRecord(
        *(tp.topic, tp.partition, record.offset, record.timestamp, record.timestamp_type),
        *(None, None, record.checksum, -1, -1, ()),
    )


class _TunedConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc] # Faust has no types here
    """Fetches wait at most 0.5 s; Faust has 1.5 s fixed, without a setting."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        # Nothing else consumes in this process but `copies`, which can do with such records.
        install(LeanRecords)
        self.consumer.fetches = follow_fetches()
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = 500
        # As the sinks: what was aborted is in no count and no row.
        consumer._isolation_level = "read_committed"
        self.consumer.aiokafka_consumer = consumer
        return consumer
