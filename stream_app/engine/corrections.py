"""Reads `corrections` for the owned partitions, without a group: the state itself has the position.

A correction waits until its record is folded; its partition of `corrections` then waits too. Whatever happens to
the topic, folding goes on: what cannot be read or applied is passed over, and the log says so.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from avro_schemas import topic
from avro_schemas.correction import Correction, decode_correction
from avro_schemas.wire.codec import Undecodable
from service_kit.kafka.consumer import fetch_readable, new_consumer
from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.topic_log import topic_identity
from stream_app import metrics
from stream_app.engine.app import FootfallApp
from stream_app.engine.partitions import OwnedPartition
from stream_app.state.corrections import Applied
from stream_app.state.partition import PartitionState

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_FETCH_MS, _MAX_RECORDS = 250, 1_000
# How often to look for another topic of this name, and for partitions that are missing.
_CHECK_SECONDS, _MISSING_SECONDS = 10.0, 2.0
# The sinks are ahead of us for as long as we lag. After this, Kafka is asked whether the record is there at all.
MAX_WAIT_SECONDS = 60.0


@dataclass(slots=True)
class Reading:
    """A partition that is read for this state of it, and what was fetched and is not applied yet."""

    owned: OwnedPartition
    # Offset and correction, in order.
    waiting: deque[tuple[int, Correction]] = field(default_factory=deque)
    # Monotonic time at which the first of them is looked into.
    give_up_at: float = 0.0


class CorrectionsReader:
    """Applies corrections to the states that this worker has at the moment."""

    def __init__(self, app: FootfallApp) -> None:
        self._app, self._topic = app, app.kafka.name(topic.CORRECTIONS)
        self._reading: dict[int, Reading] = {}
        self._topic_id: str | None = None
        self._checked_at = 0.0
        self._said = ""

    async def run(self) -> None:
        """Read until cancelled. After any error, connect again and go on from where the states are."""
        while not self._app.should_stop:
            try:
                await self._read()
            except Exception as error:  # whatever it is: nobody else would start it again
                self._say(f"{self._topic} cannot be read: {error!r}")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _read(self) -> None:
        consumer = new_consumer(
            **self._app.kafka.client_options(),
            client_id="footfall-stream-app-corrections",
            enable_auto_commit=False,
            # Where our position is not in the log any more, `_find_position` decides.
            auto_offset_reset="none",
            fetch_max_wait_ms=_FETCH_MS,
        )
        self._reading.clear()
        try:
            await consumer.start()
            while not self._app.should_stop:
                await self._follow_assignment(consumer)
                if not self._reading:
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                fetched = await fetch_readable(consumer, timeout_ms=_FETCH_MS, max_records=_MAX_RECORDS)
                for tp, records in fetched.items():
                    self.take(tp.partition, records)
                for number in self.apply(time.monotonic()):
                    await self._look_into(consumer, number)
                self._hold_back(consumer)
        finally:
            await consumer.stop()

    async def _follow_assignment(self, consumer: AIOKafkaConsumer) -> None:
        """Read the partitions that are ours now, each from where its state is."""
        if not self._app.owned.accepting:
            return
        ours = dict(self._app.owned.partitions)
        pause = _CHECK_SECONDS if ours.keys() == self._reading.keys() else _MISSING_SECONDS
        if all(map(self._is_ours, self._reading)) and time.monotonic() - self._checked_at < pause:
            return
        identity = await topic_identity(self._app.kafka, self._topic)
        self._checked_at = time.monotonic()
        topic_id = str(identity.topic_id) if identity.topic_id else None
        there = {number: each for number, each in ours.items() if number in identity.leaders}
        if len(there) < len(ours):
            missing = sorted(ours.keys() - there.keys())
            self._say(f"{self._topic} lacks the partitions {missing}; `footfall topics` creates the topic")
        is_same = there.keys() == self._reading.keys() and all(map(self._is_ours, there))
        if is_same and topic_id == self._topic_id:
            return
        self._topic_id = topic_id
        await self._begin(consumer, there)

    async def _begin(self, consumer: AIOKafkaConsumer, partitions: Mapping[int, OwnedPartition]) -> None:
        self._reading = {}
        tps = {number: TopicPartition(self._topic, number) for number in partitions}
        consumer.assign(list(tps.values()))
        if not tps:
            return
        first = await consumer.beginning_offsets(tps.values())
        ends = await consumer.end_offsets(tps.values())
        for number, owned in partitions.items():
            self._find_position(number, owned.state, first[tps[number]], ends[tps[number]])
            consumer.seek(tps[number], owned.state.corrections.next)
        self._reading = {number: Reading(owned) for number, owned in partitions.items()}
        self._said = ""
        log.info("reading corrections", extra={"topic": self._topic, "partitions": sorted(partitions)})

    def _find_position(self, number: int, state: PartitionState, first: int, end: int) -> None:
        """Have a state go on where the topic can."""
        known = state.corrections
        if known.topic_id not in (None, self._topic_id) or known.next > end:
            log.warning(
                "%s/%d is another log than before, and is read from its start; numbers tell what is applied",
                *(self._topic, number),
            )
            known.next = 0
        elif 0 < known.next < first:
            metrics.CORRECTIONS.labels("lost").inc(first - known.next)
            log.error(
                "retention removed %d corrections of %s/%d before they were read: their events stay uncertain",
                *(first - known.next, self._topic, number),
            )
        known.topic_id, known.next = self._topic_id, max(first, known.next)

    def take(self, number: int, records: Sequence[KafkaRecord]) -> None:
        """Take records of a partition that were fetched."""
        reading, foreign = self._reading[number], list[int]()
        for record in records:
            try:
                reading.waiting.append((record.offset, decode_correction(record.key, record.value)))
            except Undecodable:
                foreign.append(record.offset)
        if foreign:
            metrics.CORRECTIONS.labels("foreign").inc(len(foreign))
            log.warning(
                "%d records of %s/%d are not corrections and are passed over, the first at offset %d",
                *(len(foreign), self._topic, number, foreign[0]),
            )

    def apply(self, now: float) -> list[int]:
        """Apply what need not wait. Return the partitions that have waited for long; `now` is monotonic time."""
        waiting_long = []
        for number, reading in self._reading.items():
            if not self._is_ours(number):
                continue  # a rebalance came in between; `_follow_assignment` begins again
            state, waiting = reading.owned.state, reading.waiting
            ready = list[tuple[int, Correction]]()
            while waiting and not state.must_wait(waiting[0][1]):
                ready.append(waiting.popleft())
                reading.give_up_at = 0.0
            self._correct(number, state, ready)
            if not waiting:
                continue
            reading.give_up_at = reading.give_up_at or now + MAX_WAIT_SECONDS
            if now >= reading.give_up_at:
                waiting_long.append(number)
        return waiting_long

    def _correct(self, number: int, state: PartitionState, ready: Iterable[tuple[int, Correction]]) -> None:
        impossible = list[int]()
        for offset, correction in ready:
            applied = state.correct(offset, correction)
            metrics.CORRECTIONS.labels(applied).inc()
            if applied is Applied.IMPOSSIBLE:
                impossible.append(offset)
        if impossible:
            log.warning(
                "%d corrections of %s/%d are about records that are not counted here, and are passed over, the "
                "first at offset %d",
                *(len(impossible), self._topic, number, impossible[0]),
            )

    async def _look_into(self, consumer: AIOKafkaConsumer, number: int) -> None:
        """Pass over the first correction that waits, if there is no such record and there was none for long."""
        reading = self._reading[number]
        reading.give_up_at = 0.0
        tp = TopicPartition(self._app.events_topic, number)
        end = (await consumer.end_offsets([tp]))[tp]
        if not self._is_ours(number):
            return
        _offset, correction = reading.waiting[0]
        if reading.owned.state.is_of_this_log(correction) and correction.event_offset < end:
            return  # we lag
        self._correct(number, reading.owned.state, [reading.waiting.popleft()])

    def _hold_back(self, consumer: AIOKafkaConsumer) -> None:
        """Fetch only from partitions of which nothing waits: that bounds what is held."""
        for number, reading in self._reading.items():
            tp = TopicPartition(self._topic, number)
            if reading.waiting:
                consumer.pause(tp)
            elif tp in consumer.paused():
                consumer.resume(tp)

    def _is_ours(self, number: int) -> bool:
        owned = self._app.owned
        return owned.accepting and owned.partitions.get(number) is self._reading[number].owned

    def _say(self, message: str) -> None:
        """Once, until something else happens."""
        if message != self._said:
            self._said = message
            log.warning("%s. Live counts go on; what only the sinks can know stays uncertain", message)
