"""Consumer, producer and schema that hand a fetched list of records through Faust as one event."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import faust
from aiokafka import ConsumerRecord
from aiokafka.consumer import fetcher
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_app import metrics
from stream_app.engine.app import ExactApp
from stream_app.engine.checkpoint import Checkpoints

log = logging.getLogger(__name__)

EXIT_TOPIC_IS_SHORTER_THAN_STATE = 71
DRAIN_SECONDS = 10.0


class RawBatches(faust.Schema):  # type: ignore[misc] # Faust has no types here
    """The value of an event is the list of records; they are decoded where they are folded."""

    def loads_key(self, app: Any, message: Any, **_options: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **_options: Any) -> Any:
        return message.value


class IdempotentProducer(driver.Producer):  # type: ignore[misc] # Faust has no types here
    """Faust's producer is idempotent only under `exactly_once`, which this app must not use."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class BatchConsumer(driver.Consumer):  # type: ignore[misc] # Faust has no types here
    """One message a fetched partition list; starts at the state's position; commits what is durable."""

    app: ExactApp
    checkpoints: Checkpoints
    # aiokafka's consumer, once the thread has made it.
    fetching: Any = None

    @property
    def is_connected(self) -> bool:
        """Whether any broker is; while none is, standing still is no fault of this process."""
        if self.fetching is None:
            return False
        return any(connection.connected() for connection in self.fetching._client._conns.values())

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """As upstream, but a message holds the whole list of records and the offset of the last."""
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self._seek_back()
            return
        for tp, batch in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                break
            if batch and (active is None or tp in active or tp in self._buffered_partitions):
                message = self._to_message(tp, _whole(tp, batch[-1]))
                message.value = batch
                # Faust drops what lies before the last offset it delivered, also after a seek back; records
                # that come twice are passed over by the state, records that never come would be missed.
                self._read_offset[tp] = None
                yield tp, message

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # upstream's rule: the flow stopped while a fetch was in flight
            log.warning("seek while the flow was stopped failed", extra={"error": repr(error)})

    async def perform_seek(self) -> None:
        """Seek to the state's position; only from then on are records folded."""
        await super().perform_seek()
        for tp in self._events_tps():
            # The group's own offset is not known: commit whatever is durable the next time.
            self._committed_offset[tp] = None
        self.app.owned.open = self.app.owned.ready

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """The committed offsets do not matter: the state knows where it stands."""
        if not self.app.owned.ready:
            seeked: Mapping[TP, int] = await super().seek_to_committed()
            return seeked
        tps = self._events_tps()
        if not tps:
            return {}
        begins = await self.earliest_offsets(*tps)
        ends = await self.highwaters(*tps)
        if not self.app.owned.ready:
            return {}  # a rebalance came in between; it seeks again
        positions = {tp: self._start(tp, begins.get(tp) or 0, ends.get(tp) or 0) for tp in tps}
        await self.seek_wait(positions)
        return positions

    def _start(self, tp: TP, begin: int, end: int) -> int:
        state = self.app.owned.partitions[tp.partition].state
        if end < state.position + 1:
            log.critical(
                "%s/%d ends at %d, before the state's position %d: the topic was recreated or cut. "
                "Start anew with an empty state topic, or restore the topic.",
                *(tp.topic, tp.partition, end, state.position),
            )
            os._exit(EXIT_TOPIC_IS_SHORTER_THAN_STATE)
        if begin > state.position + 1:
            lost = begin - state.position - 1
            log.error("retention removed %d records of %s/%d before they were read", lost, tp.topic, tp.partition)
            metrics.RECORDS_LOST.inc(lost)
            state.position = begin - 1
        return int(state.position) + 1

    def _events_tps(self) -> list[TP]:
        return [TP(self.app.events_topic, partition) for partition in self.app.owned.partitions]

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        """Every partition whose state is durable, in place of Faust's own books of acknowledgements."""
        return iter(self._events_tps() if self.app.owned.open else [])

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        owned = self.app.owned.partitions.get(tp.partition)
        return owned.durable if owned and owned.durable > 0 else None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Batches make gaps in Faust's books all the time; ours need none."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock detector follows its own books; /healthz follows ours."""

    async def wait_empty(self) -> None:
        """Before a stop and before partitions are given away: a last checkpoint, then its commit."""
        try:
            await asyncio.wait_for(super().wait_empty(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("not all batches were folded within %.0f s; they are read again", DRAIN_SECONDS)
        if self.app.owned.open:
            await self.checkpoints.write_all()
            await self.commit()
            self.app.owned.open = False

    def _new_consumer_thread(self) -> Any:
        return _PatientThread(self, loop=self.loop, beacon=self.beacon)


class LeanRecords(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka has no types
    """The records as they were parsed: a `ConsumerRecord` around each costs a third of the fetching."""

    def _consumer_record(self, tp: TP, record: Any) -> Any:
        return record


def _whole(tp: TP, record: Any) -> ConsumerRecord:
    """What Faust asks of a record."""
    return ConsumerRecord(
        *(tp.topic, tp.partition, record.offset, record.timestamp, record.timestamp_type),
        *(None, None, record.checksum, -1, -1, ()),
    )


class _PatientThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc] # Faust has no types here
    """Faust fixes the longest wait of a fetch at 1.5 s and takes no other."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        # The fetcher takes the class from its module; nothing else consumes in this process.
        fetcher.PartitionRecords = LeanRecords
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = 500
        self.consumer.fetching = consumer
        return consumer
