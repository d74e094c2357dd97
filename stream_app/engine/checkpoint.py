"""Checkpoints: changed values and position in one record batch, then the outputs, then the commit."""

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from typing import Any, Protocol

from stream_app import metrics
from stream_app.engine.changelog import fenced, log_key
from stream_app.engine.partitions import Owned, OwnedPartitions
from stream_app.outputs import Output
from stream_app.state.dimensions import Pace
from stream_app.state.partition import Snapshot

log = logging.getLogger(__name__)

EXIT_FAILED = 70
EXIT_FROZEN = 75
MAX_CHECKPOINT_SECONDS = 30.0
BEAT_SECONDS = 0.2
# Well within the retention of the outputs: what an idle partition once told must not disappear from them.
RETELL_SECONDS = 6 * 3600.0
TELL_SECONDS = {Pace.SOON: 1.0, Pace.LATER: 10.0}
# Seconds of rest for each second of writing.
REST_FACTOR = 4
BATCH_BYTES = 900_000


class Outlet(Protocol):
    """What a snapshot becomes on topics: what is told once, then what the state can tell again.

    Both return when everything is acknowledged.
    """

    async def send_first(self, partition: int, snapshot: Snapshot) -> None: ...

    async def send_outputs(self, partition: int, snapshot: Snapshot) -> None: ...


async def send_batches(producer: Any, topic: str, partition: int, records: Sequence[Output]) -> tuple[int, int]:
    """Write records in order, in as few record batches as possible. First offset and count of the last batch.

    Kafka appends a record batch whole or not at all.
    """
    first, count = -1, 0
    left = list(records)
    while left:
        batch = producer.create_batch()
        count = 0
        while count < len(left) and _append(batch, left[count]):
            count += 1
        if not count:
            raise ValueError(
                f"a record of {len(left[0].value or b'')} bytes is larger than a batch to {topic} may be"
            )
        batch.close()
        acknowledged = await (await producer.send_batch(batch, topic, partition=partition))
        first = acknowledged.offset
        del left[:count]
    return first, count


def _append(batch: Any, record: Output) -> bool:
    """Whether the record found room."""
    added = batch.append(
        key=record.key, value=record.value, timestamp=record.timestamp, headers=list(record.headers)
    )
    return added is not None


class Checkpoints:
    """Writes the owned partitions' checkpoints, one at a time for each partition."""

    def __init__(
        self,
        owned: OwnedPartitions,
        log_topic: str,
        outlet: Outlet,
        *,
        every: float,
        group_session_timeout_seconds: float,
    ) -> None:
        self._owned, self._log_topic, self._outlet = owned, log_topic, outlet
        self._every, self._frozen_after = every, 0.9 * group_session_timeout_seconds
        self._writing = asyncio.Lock()
        self._retold = time.monotonic()
        self._told = dict.fromkeys(TELL_SECONDS, 0.0)
        self._last_beat: float | None = None
        self.producer: Any = None

    async def run(self) -> None:
        """Write checkpoints for ever; anything unexpected ends the process before it acknowledges."""
        while True:
            started = time.monotonic()
            if self._owned.open:
                await self.write_all(self._pace(started))
            # What took long gets time to catch up: behind, larger checkpoints cost less an event.
            await asyncio.sleep(max(self._every, REST_FACTOR * (time.monotonic() - started)))

    def _pace(self, now: float) -> Pace:
        """What is due; longer windows seldom, and everything anew before retention would take it."""
        if now - self._retold > RETELL_SECONDS:
            self._retold = now
            self._owned.change_all()
        for pace in (Pace.LATER, Pace.SOON):
            if now - self._told[pace] >= TELL_SECONDS[pace]:
                self._told[pace] = now
                return pace
        return Pace.AT_ONCE

    async def watch_for_freezes(self) -> None:
        """Beat for ever, so that a process that was stopped for a while notices before it writes."""
        while True:
            self._end_if_frozen()
            await asyncio.sleep(BEAT_SECONDS)

    async def write_all(self, pace: Pace = Pace.LATER) -> None:
        """Write what changed in every partition and wait until all of it is durable."""
        try:
            async with asyncio.timeout(MAX_CHECKPOINT_SECONDS), self._writing:
                partitions = list(self._owned.partitions.items())
                await asyncio.gather(*(self._write(number, owned, pace) for number, owned in partitions))
        except Exception:
            log.exception("a checkpoint failed; ending so that nothing unwritten is acknowledged")
            os._exit(EXIT_FAILED)

    async def _write(self, partition: int, owned: Owned, pace: Pace) -> None:
        snapshot = owned.state.snapshot(pace)
        if snapshot is None:
            return
        self._end_if_frozen()
        started = time.monotonic()
        # Before the values: once those are durable, what was read for these is not read again.
        await self._outlet.send_first(partition, snapshot)
        if snapshot.values:
            await self._write_values(partition, owned, snapshot)
        await self._outlet.send_outputs(partition, snapshot)
        owned.durable = snapshot.position + 1
        metrics.CHECKPOINT_SECONDS.observe(time.monotonic() - started)

    async def _write_values(self, partition: int, owned: Owned, snapshot: Snapshot) -> None:
        values = [
            Output(log_key(partition, key), fenced(snapshot.position, payload)) for key, payload in snapshot.values
        ]
        metrics.CHECKPOINT_BYTES.inc(sum(len(value.value or b"") for value in values))
        first, count = await send_batches(self.producer, self._log_topic, partition, values)
        if owned.log_next is not None and first + count != owned.log_next + len(values):
            log.warning("somebody else wrote to the state's log of partition %d; writing it anew", partition)
            metrics.CHANGELOG_FOREIGN_WRITES.inc()
            owned.state.change_all()
        owned.log_next = first + count

    def _end_if_frozen(self) -> None:
        """A worker that slept through its session may no longer own its partitions: it must not write."""
        now = _boot_time()
        # Before the first beat there was nothing to write: a start may take long.
        if self._last_beat is not None and now - self._last_beat > self._frozen_after:
            log.critical("frozen for %.1f s; ending, others own the partitions", now - self._last_beat)
            os._exit(EXIT_FROZEN)
        self._last_beat = now


def _boot_time() -> float:
    # Goes on while the machine is suspended, where the system has such a clock.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
