"""Checkpoints: changed values and position in one record batch, then the outputs, then the commit."""

import asyncio
import logging
import os
import time
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from service_kit.kafka.record_batches import Output, send_batches
from stream_app import metrics
from stream_app.engine.changelog import changelog_key, fenced
from stream_app.engine.partitions import OwnedPartition, OwnedPartitions
from stream_app.state.dimensions import EmitEvery
from stream_app.state.snapshot import Snapshot

log = logging.getLogger(__name__)

EXIT_FAILED = 70
EXIT_FROZEN = 75
MAX_CHECKPOINT_SECONDS = 30.0
HEARTBEAT_SECONDS = 0.2
# Well within the retention of the output topics, which would otherwise remove the values of an idle partition.
EMIT_ALL_SECONDS = 6 * 3600.0
# Seconds of rest per second of writing: under load, larger checkpoints cost less per event.
REST_FACTOR = 4


class Outputs(Protocol):
    """Publishes a snapshot to the output topics. What publishes returns when everything is acknowledged."""

    async def take_over(self, partitions: Collection[int]) -> None:
        """Before the first snapshot of partitions that became ours: find out what a former owner published."""

    async def publish_once(self, partition: int, snapshot: Snapshot) -> None:
        """What the state cannot emit again once its position is durable."""

    async def publish_current(self, partition: int, snapshot: Snapshot) -> None:
        """What the state holds, and emits again after a recovery."""


class Checkpoints:
    """Writes the checkpoints of all owned partitions: together, and one round at a time."""

    def __init__(
        self,
        owned: OwnedPartitions,
        changelog_topic: str,
        outputs: Outputs,
        *,
        interval_seconds: float,
        group_session_timeout_seconds: float,
    ) -> None:
        self._owned, self._changelog_topic, self._outputs = owned, changelog_topic, outputs
        self._interval_seconds, self._frozen_after = interval_seconds, 0.9 * group_session_timeout_seconds
        # Two rounds at once could write an older snapshot behind a newer one.
        self._writing = asyncio.Lock()
        # Monotonic times: when everything was emitted last, and when the windows of each length were.
        self._all_emitted_at = time.monotonic()
        self._emitted_at = {EmitEvery.SECOND: 0.0, EmitEvery.TEN_SECONDS: 0.0}
        # Boot time, not monotonic: it goes on while the machine is suspended. None before the first heartbeat.
        self._last_heartbeat: float | None = None
        # Set when the worker has started its producer, before `run`.
        self.producer: Any = None

    async def run(self) -> None:
        """Write checkpoints for ever. Any error ends the process before it acknowledges what is not written."""
        while True:
            started = time.monotonic()
            if self._owned.accepting:
                await self.write_all(self._due(started))
            await asyncio.sleep(max(self._interval_seconds, REST_FACTOR * (time.monotonic() - started)))

    def _due(self, now: float) -> EmitEvery:
        """Which windows are due; once in a while everything, before retention removes it."""
        if now - self._all_emitted_at > EMIT_ALL_SECONDS:
            self._all_emitted_at = now
            self._owned.mark_all_dirty()
        for every in (EmitEvery.TEN_SECONDS, EmitEvery.SECOND):
            if now - self._emitted_at[every] >= every:
                self._emitted_at[every] = now
                return every
        return EmitEvery.CHECKPOINT

    async def watch_for_freezes(self) -> None:
        """Heartbeat for ever, so that a process that was frozen for a while notices before it writes."""
        while True:
            self._exit_if_frozen()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def write_all(self, due: EmitEvery = EmitEvery.TEN_SECONDS) -> None:
        """Write what changed in every partition, and wait until all of it is durable."""
        await self._write_partitions(self._owned.partitions, due)

    async def write_one(self, partition: int) -> None:
        """Write all that changed in one partition, with all its windows."""
        await self._write_partitions([partition], EmitEvery.TEN_SECONDS)

    async def _write_partitions(self, numbers: Collection[int], due: EmitEvery) -> None:
        try:
            async with asyncio.timeout(MAX_CHECKPOINT_SECONDS), self._writing:
                # Looked up only now: a rebalance may have replaced them while we waited.
                owned = self._owned.partitions
                partitions = [(number, owned[number]) for number in list(numbers) if number in owned]
                await self._take_over(partitions)
                await asyncio.gather(*(self._write(number, owned, due) for number, owned in partitions))
        except Exception:
            log.exception("a checkpoint failed; exiting so that nothing unwritten is acknowledged")
            os._exit(EXIT_FAILED)

    async def _take_over(self, partitions: Sequence[tuple[int, OwnedPartition]]) -> None:
        # As late as possible: a former owner may write until it notices.
        fresh = {number: owned for number, owned in partitions if not owned.taken_over}
        if fresh:
            await self._outputs.take_over(fresh)
        for owned in fresh.values():
            owned.taken_over = True

    async def _write(self, partition: int, owned: OwnedPartition, due: EmitEvery) -> None:
        """One partition's checkpoint. The order of effects is what makes counts exact after a crash at any line:

        1. What is published once (rejected records, copies, minute totals) comes first. A crash after it reads the
           records again and publishes it again: at least once, except copies, which are recognized. The other way
           round a crash would lose it, as the durable position says that these records were processed.
        2. The changed values, the control value with the position last. A crash within them leaves a torn
           checkpoint, which a recovery ignores.
        3. The outputs that the state holds, so that nobody reads a count that is not durable. A crash before them
           loses nothing: after a recovery everything is emitted again.
        4. Only then may the offset be committed (`durable`). The commit is for lag and monitoring alone: a
           recovery starts at the state's own position.
        """
        snapshot = owned.state.snapshot(due)
        if snapshot is None:
            return
        self._exit_if_frozen()
        _count_naming_errors(owned)
        started = time.monotonic()
        await self._outputs.publish_once(partition, snapshot)
        if snapshot.values:
            await self._write_values(partition, owned, snapshot)
        await self._outputs.publish_current(partition, snapshot)
        owned.durable = snapshot.position + 1
        metrics.CHECKPOINT_SECONDS.observe(time.monotonic() - started)

    async def _write_values(self, partition: int, owned: OwnedPartition, snapshot: Snapshot) -> None:
        values = [
            Output(changelog_key(partition, key), fenced(snapshot.fence, payload))
            for key, payload in snapshot.values
        ]
        metrics.CHECKPOINT_BYTES.inc(sum(len(value.value or b"") for value in values))
        first, count = await send_batches(self.producer, self._changelog_topic, partition, values)
        # Only the owner of a partition writes to its changelog, so any other offset than the expected one shows
        # that a former owner wrote in between. Its older values may be the newest of their keys now, and
        # compaction would remove ours: write all of them again.
        if owned.changelog_next is not None and first + count != owned.changelog_next + len(values):
            log.warning(
                "another process wrote to the changelog of partition %d; writing all of the state", partition
            )
            metrics.CHANGELOG_FOREIGN_WRITES.inc()
            owned.state.begin_term(owned.state.term + 1)
        owned.changelog_next = first + count

    def _exit_if_frozen(self) -> None:
        """A worker that was frozen past its session may no longer own its partitions: it must not write."""
        now = _boot_time()
        # Before the first heartbeat there was nothing to write: a start may take long.
        if self._last_heartbeat is not None and now - self._last_heartbeat > self._frozen_after:
            log.critical("frozen for %.1f s; exiting, others own the partitions", now - self._last_heartbeat)
            os._exit(EXIT_FROZEN)
        self._last_heartbeat = now


def _count_naming_errors(owned: OwnedPartition) -> None:
    errors = owned.state.counts.naming_errors
    for dimension, count in errors.items():
        metrics.NAMING_ERRORS.labels(dimension).inc(count)
    errors.clear()


def _boot_time() -> float:
    # Goes on while the machine is suspended, where the system has such a clock.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
