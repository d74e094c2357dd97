"""The landing loop: fetch, decode, write; and what to do if writing fails. Knows neither aiokafka nor Postgres.

While one batch is written in a thread, which mostly waits for the store, the next is fetched and decoded.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from service_kit.kafka.topic_log import Position, diverged_at
from sinks import metrics
from sinks.landing.batch_size import BatchSize
from sinks.landing.breaker import CircuitBreaker
from sinks.landing.errors import CannotContinue, Fenced, Halted, StoreUnavailable, TooManyDeadLetters, WriteTimeout
from sinks.landing.ports import EventStore, PartitionOffsets, Source, WriteResult
from sinks.landing.rows import Batch, decode_batch

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_FIRST_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.1, 5.0
# An operator must act, so there is no reason to hurry.
_HALTED_SECONDS = 15.0
# Where nothing arrives, no batch is fenced: so often is looked whether a replay moved the offsets back.
_LOOK_AGAIN_SECONDS = 5.0
# When partitions are revoked, a batch that is being written may still commit this long. Then it is cancelled, and
# after the same time again its connection is broken.
_REVOKE_STEP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is full: by its rows (usually, and while the lag grows), by its bytes, or by its age."""

    rows: int
    max_rows: int
    max_bytes: int
    max_age_seconds: float


class Landing:
    """Moves events from a source into a store, whose offsets say what has landed."""

    def __init__(
        self,
        source: Source,
        store: EventStore,
        limits: BatchLimits,
        *,
        store_timeout_seconds: float = 40.0,
        look_again_seconds: float = _LOOK_AGAIN_SECONDS,
        accept_gap: bool = False,
        accept_dead_letters: bool = False,
    ) -> None:
        self._source, self._store, self._limits = source, store, limits
        self._store_timeout_seconds, self._accept_gap = store_timeout_seconds, accept_gap
        self._look_again_seconds, self._looked_at = look_again_seconds, 0.0
        self._size = BatchSize(limits.rows, limits.max_rows)
        self._breaker = CircuitBreaker(accept=accept_dead_letters)
        # The next offset to fetch and to land, of each partition. Equal while nothing is prefetched; each batch
        # begins at `_fetched_to`, also if the first of these offsets hold no record.
        self._fetched_to: dict[int, int] = {}
        self._landed_to: dict[int, int] = {}
        # Append time of the newest record that landed, in milliseconds since 1970.
        self._newest = time.time() * 1000
        # How old that is, if others wait behind it; else 0.
        self.lag_seconds = 0.0
        # The next batch, fetched and decoded while the current one is written. It is discarded whenever positions
        # must be looked up again, as it would begin at the wrong offset.
        self._prefetch: asyncio.Task[Batch | None] | None = None
        # The call that occupies the store, if any: what a revocation has to end.
        self._store_call: asyncio.Future[Any] | None = None
        self._backoff = _FIRST_BACKOFF_SECONDS
        self._stopping = asyncio.Event()
        # Whether the source is at the store's offsets and batches land: the answer of `/readyz`.
        self.positioned = False
        # What an operator must do before landing goes on; None while nothing is asked of anybody.
        self.halted_by: str | None = None
        # When the loop last came round: `/healthz` fails if that is long ago.
        self.last_step_at = time.monotonic()
        source.on_revoked(self._on_revoked)

    async def run(self, stopping: asyncio.Event) -> None:
        """Land until `stopping` is set. Raise CannotContinue if an operator must decide."""
        self._stopping = stopping
        try:
            while not stopping.is_set():
                self.last_step_at = time.monotonic()
                await self._step_or_recover()
        finally:
            await self._cancel_prefetch()

    async def _step_or_recover(self) -> None:
        try:
            await self._step()
        except Fenced as error:
            metrics.FENCED.inc()
            log.warning("%s; reading the offsets again", error)
        except WriteTimeout as error:
            # If partitions were revoked, we cancelled the write ourselves: its size was not the reason.
            if not self._source.reassigned:
                await self._shrink(error)
        except StoreUnavailable as error:
            await self._wait_for_store(error)
        except Halted as error:
            await self._wait_for_operator(error)
        else:
            return
        # Whether the batch was committed is not known after most errors. The store's offsets tell, so the next
        # step asks for them and fetches from there.
        await self._lose_positions()

    async def _step(self) -> None:
        if self._source.reassigned or not self.positioned:
            await self._lose_positions()
            await self._sync_positions()
        if not self.positioned:
            return  # no partition is assigned yet
        batch = await (self._prefetch or self._read())
        self._prefetch = None
        if self._source.reassigned:
            return  # records fetched before a rebalance are fetched again by whoever owns them now
        if time.monotonic() - self._looked_at >= self._look_again_seconds:
            await self._look_again()
        if not batch:
            # Nothing came; but something may wait, for the end of a transaction.
            self._update_lag()
            return
        self._prefetch = asyncio.create_task(self._read())
        result = await self._call_store(self._store.write, batch, self._check_before_commit)
        self._backoff, self.halted_by = _FIRST_BACKOFF_SECONDS, None
        self._landed_to |= {partition: covered.next for partition, covered in batch.ranges.items()}
        self._newest = batch.newest or self._newest
        self._breaker.committed(result.records, result.dead_letters)
        self._size.landed(result.records, self._update_lag())
        _count(batch, result, self._size.rows)
        await self._source.report_progress(self._landed_to)

    async def _look_again(self) -> None:
        """Raise Fenced if the stored offsets are not those that landed last."""
        stored = await self._call_store(self._store.next_offsets, list(self._landed_to))
        if moved := [part for part, landed in self._landed_to.items() if stored.get(part) != landed]:
            raise Fenced(moved)
        self._looked_at = time.monotonic()

    async def _read(self) -> Batch | None:
        """Fetch and decode the next batch."""
        limits = self._limits
        fetched = await self._source.fetch(self._size.rows, limits.max_bytes, limits.max_age_seconds)
        if not fetched or self._source.reassigned:
            return None
        started = time.monotonic()
        batch = await asyncio.to_thread(decode_batch, fetched, self._fetched_to)
        metrics.DECODE_SECONDS.observe(time.monotonic() - started)
        self._fetched_to |= {partition: covered.next for partition, covered in batch.ranges.items()}
        return batch

    def _check_before_commit(self, result: WriteResult) -> None:
        self._breaker.check(result.records, result.dead_letters)

    async def _call_store(self, call: Callable[..., Result], *arguments: object) -> Result:
        """Run a call of the store in a thread. If it takes too long, its connection is broken, and it fails."""
        running = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
        self._store_call = running
        try:
            done, _ = await asyncio.wait({running}, timeout=self._store_timeout_seconds)
            if not done:
                # The store has its own timeout for statements, so it is not merely slow: nothing answers.
                await asyncio.to_thread(self._store.abort)
            return await running
        finally:
            self._store_call = None

    async def _on_revoked(self) -> None:
        """End the write that is going on, completely or not at all: Kafka waits for us, and so do the next owners.

        Waiting for the commit comes first, as it usually is a matter of milliseconds and saves the batch; then the
        polite end, then the one that needs no answer. If none works in time, the fence protects the offsets
        anyway.
        """
        running, started = self._store_call, time.monotonic()
        if running is None:
            return
        for end in (None, self._store.cancel, self._store.abort):
            if end is not None:
                await asyncio.to_thread(end)
            done, _ = await asyncio.wait({running}, timeout=_REVOKE_STEP_SECONDS)
            if done:
                break
        metrics.REVOKE_SECONDS.observe(time.monotonic() - started)

    async def _lose_positions(self) -> None:
        self.positioned = False
        await self._cancel_prefetch()

    async def _cancel_prefetch(self) -> None:
        prefetch, self._prefetch = self._prefetch, None
        if prefetch is not None:
            prefetch.cancel()
            await asyncio.gather(prefetch, return_exceptions=True)

    async def _sync_positions(self) -> None:
        """Claim the assigned partitions in the store, and fetch from its offsets."""
        logs = await self._source.partition_offsets()
        if not logs:
            return
        # A first guess from Kafka's committed offsets, so that the lag is reported also while the store is
        # unavailable.
        self._landed_to = {p: self._landed_to.get(p, offsets.committed) for p, offsets in logs.items()}
        topic_id = await self._source.topic_id()
        begins = {partition: offsets.begin for partition, offsets in logs.items()}
        await self._call_store(self._store.prepare)
        positions = await self._call_store(self._store.claim, begins, topic_id)
        await self._check_positions(positions, logs)
        await self._source.seek({p: max(position, begins[p]) for p, position in positions.items()})
        # Not where we seek to: after an accepted gap the first batch covers the removed offsets too, as the fence
        # expects it to begin at the stored offset.
        self._fetched_to, self._landed_to = dict(positions), dict(positions)
        metrics.ASSIGNMENTS.inc()
        self.positioned = True

    async def _check_positions(self, positions: Mapping[int, int], logs: Mapping[int, PartitionOffsets]) -> None:
        epochs = await self._call_store(self._store.leader_epochs, list(logs))
        ends = await self._source.epoch_ends({p: epoch for p, epoch in epochs.items() if epoch >= 0})
        for partition, offsets in logs.items():
            position = positions[partition]
            self._check_position(partition, position, offsets)
            at = diverged_at(Position(position, epochs.get(partition, -1)), ends.get(partition))
            if at is not None:
                raise CannotContinue(
                    f"Kafka lost the records from offset {at} to {position - 1} of partition {partition}, which "
                    f"have landed, and wrote others there. {_replay(partition, at)}"
                )

    def _check_position(self, partition: int, position: int, offsets: PartitionOffsets) -> None:
        if position > offsets.end:
            raise CannotContinue(
                f"partition {partition} of the topic ends at offset {offsets.end}, but everything before "
                f"{position} has landed: Kafka lost the end of the partition, or the topic was recreated. "
                + _replay(partition, offsets.end)
            )
        if position < offsets.begin:
            gap = f"Kafka removed offsets {position} to {offsets.begin - 1} of partition {partition}"
            if not self._accept_gap:
                raise CannotContinue(
                    f"{gap} before they landed. Set FOOTFALL_ACCEPT_GAP=true to go on without them."
                )
            log.error("%s before they landed; going on without them", gap)
            metrics.RECORDS_LOST.inc(offsets.begin - position)

    async def _shrink(self, error: WriteTimeout) -> None:
        log.warning("writing a batch took too long", extra={"error": str(error), "rows": self._size.rows})
        metrics.BATCH_SHRINKS.inc()
        if not self._size.timed_out():
            await self._wait_for_store(error)

    async def _wait_for_store(self, error: StoreUnavailable) -> None:
        """Remain in the group, and retry with growing pauses, without limit."""
        if self._source.reassigned:
            return
        metrics.WRITE_RETRIES.labels(error.sqlstate_class).inc()
        log.warning("the store cannot take events", extra={"error": str(error)})
        await self._wait(random.uniform(0, self._backoff))
        self._backoff = min(self._backoff * 2, _MAX_BACKOFF_SECONDS)

    async def _wait_for_operator(self, error: Halted) -> None:
        log.critical("%s", error)
        self.halted_by = str(error)
        metrics.HALTED.set(1)
        metrics.BREAKER_OPEN.set(isinstance(error, TooManyDeadLetters))
        await self._wait(_HALTED_SECONDS)

    def _update_lag(self) -> int:
        lag = self._source.lag(self._landed_to)
        metrics.LAG.set(lag)
        metrics.UNCOMMITTED.set(self._source.uncommitted())
        self.lag_seconds = max(0.0, time.time() - self._newest / 1000) if lag else 0.0
        metrics.LAG_SECONDS.set(self.lag_seconds)
        return lag

    async def _wait(self, seconds: float) -> None:
        # Before the wait and not after it: /readyz must not say that events land meanwhile.
        await self._lose_positions()
        self._update_lag()
        started = time.monotonic()
        await self._source.wait_paused(seconds, self._stopping)
        metrics.PAUSED_SECONDS.inc(time.monotonic() - started)


def _replay(partition: int, offset: int) -> str:
    return f"`footfall replay --partition {partition} --from-offset {offset} --execute` goes on from there."


def _count(batch: Batch, result: WriteResult, next_max_rows: int) -> None:
    metrics.HALTED.set(0)
    metrics.BREAKER_OPEN.set(0)
    metrics.ROWS.inc(result.rows)
    metrics.DUPLICATES.inc(result.duplicates)
    metrics.ERASED.inc(result.erased)
    for dead_letter in result.dead_letters:
        metrics.DEAD_LETTERS.labels(dead_letter.reason).inc()
    for verdict in result.corrections:
        metrics.CORRECTIONS.labels(verdict.outcome.reason or "row").inc()
    metrics.BATCH_MAX_ROWS.set(next_max_rows)
    if not result.records:
        return  # the offsets hold no record
    metrics.BATCH_ROWS.observe(result.records)
    metrics.BATCH_BYTES.observe(batch.bytes)
    metrics.NEWEST_EVENT.set(batch.newest / 1000)
    metrics.LATENCY_SECONDS.observe(max(0.0, time.time() - batch.oldest / 1000))
