"""Landing: fetch, sift, write; and what to do when writing fails. Knows neither Kafka's client nor Postgres's.

While one batch is written in a thread, which mostly waits for Postgres, the next is fetched and sifted.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sinks import metrics
from sinks.landing.batch_size import BatchSize
from sinks.landing.breaker import Breaker
from sinks.landing.errors import CannotGoOn, Fenced, Halted, StoreUnavailable, TookTooLong, TooManyDeadLetters
from sinks.landing.ports import EventStore, Range, Source, Written
from sinks.landing.rows import Batch, sift

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_FIRST_PAUSE, _MAX_PAUSE = 0.1, 5.0
# A person must look: no reason to hurry.
_HALTED_PAUSE = 15.0
# What is being written when partitions go may still commit this long; then it is cancelled, then cut off.
_LET_GO_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is full: of rows (usually, and at most), of bytes, or old enough."""

    rows: int
    max_rows: int
    bytes: int
    seconds: float


class Landing:
    """Moves events from a source into a store; the store's offsets say where it stands."""

    def __init__(
        self,
        source: Source,
        store: EventStore,
        limits: Limits,
        *,
        store_seconds: float = 40.0,
        accept_gap: bool = False,
        accept_dead_letters: bool = False,
    ) -> None:
        self._source, self._store, self._limits = source, store, limits
        self._store_seconds, self._accept_gap = store_seconds, accept_gap
        self._size = BatchSize(limits.rows, limits.max_rows)
        self._breaker = Breaker(accept=accept_dead_letters)
        self._read_to: dict[int, int] = {}
        self._landed_to: dict[int, int] = {}
        self._newest = time.time() * 1000
        self._ahead: asyncio.Task[Batch | None] | None = None
        self._at_work: asyncio.Future[Any] | None = None
        self._pause = _FIRST_PAUSE
        self._stopping = asyncio.Event()
        self.in_step = False
        self.last_turn = time.monotonic()
        source.when_revoked(self._let_go)

    async def run(self, stopping: asyncio.Event) -> None:
        """Land until told to stop. Raise CannotGoOn where a person must decide."""
        self._stopping = stopping
        try:
            while not stopping.is_set():
                self.last_turn = time.monotonic()
                await self._guarded_turn()
        finally:
            await self._drop_ahead()

    async def _guarded_turn(self) -> None:
        try:
            await self._turn()
        except Fenced as error:
            metrics.FENCED.inc()
            log.warning("%s; reading the offsets again", error)
        except TookTooLong as error:
            # Cancelled by ourselves as the partitions went: nothing is wrong with the size.
            if not self._source.reassigned:
                await self._shrink(error)
        except StoreUnavailable as error:
            await self._wait_for_store(error)
        except Halted as error:
            await self._wait_for_person(error)
        else:
            return
        await self._fall_out_of_step()

    async def _turn(self) -> None:
        if self._source.reassigned or not self.in_step:
            await self._fall_out_of_step()
            await self._fall_in_step()
        if not self.in_step:
            return  # no partition is ours yet
        batch = await (self._ahead or self._read())
        self._ahead = None
        if not batch or self._source.reassigned:
            return  # what was fetched before a rebalance is fetched again by whoever owns it
        self._ahead = asyncio.create_task(self._read())
        written = await self._in_thread(self._store.write, batch, self._admit)
        self._pause = _FIRST_PAUSE
        self._landed_to |= {partition: span.next for partition, span in batch.spans.items()}
        self._newest = batch.newest
        self._breaker.note(written.records, written.dead_letters)
        self._size.landed(written.records, self._tell_lag())
        _count(batch, written, self._size.rows)
        await self._source.report_progress(self._landed_to)

    async def _read(self) -> Batch | None:
        """The next batch, its rows ready to be written."""
        limits = self._limits
        fetched = await self._source.gather(self._size.rows, limits.bytes, limits.seconds)
        if not fetched or self._source.reassigned:
            return None
        started = time.monotonic()
        batch = await asyncio.to_thread(sift, fetched, self._read_to)
        metrics.DECODE_SECONDS.observe(time.monotonic() - started)
        self._read_to |= {partition: span.next for partition, span in batch.spans.items()}
        return batch

    def _admit(self, written: Written) -> None:
        self._breaker.admit(written.records, written.dead_letters)

    async def _in_thread(self, call: Callable[..., Result], *arguments: object) -> Result:
        """Let the store work; a server that takes the question and never answers is cut off."""
        running = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
        self._at_work = running
        try:
            done, _ = await asyncio.wait({running}, timeout=self._store_seconds)
            if not done:
                await asyncio.to_thread(self._store.cut)
            return await running
        finally:
            self._at_work = None

    async def _let_go(self) -> None:
        """Partitions go to others: what is being written ends soon, whole or not at all."""
        running, started = self._at_work, time.monotonic()
        if running is None:
            return
        for end in (None, self._store.cancel, self._store.cut):
            if end is not None:
                await asyncio.to_thread(end)
            done, _ = await asyncio.wait({running}, timeout=_LET_GO_SECONDS)
            if done:
                break
        metrics.REVOKE_SECONDS.observe(time.monotonic() - started)

    async def _fall_out_of_step(self) -> None:
        self.in_step = False
        await self._drop_ahead()

    async def _drop_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _fall_in_step(self) -> None:
        """Go on where the store says; Kafka's own committed offsets are never asked."""
        ranges = await self._source.ranges()
        if not ranges:
            return
        # So that the lag is told while the store is away.
        self._landed_to = {p: self._landed_to.get(p, held.reported) for p, held in ranges.items()}
        topic_id = await self._source.topic_id()
        begins = {partition: held.begin for partition, held in ranges.items()}
        await self._in_thread(self._store.prepare)
        positions = await self._in_thread(self._store.offsets, begins, topic_id)
        for partition, held in ranges.items():
            self._check(partition, positions[partition], held)
        await self._source.seek({p: max(position, begins[p]) for p, position in positions.items()})
        self._read_to, self._landed_to = dict(positions), dict(positions)
        metrics.ASSIGNMENTS.inc()
        self.in_step = True

    def _check(self, partition: int, position: int, held: Range) -> None:
        if position > held.end:
            raise CannotGoOn(
                f"partition {partition} of the topic ends at {held.end}, but all before {position} has landed: "
                "Kafka lost its end, or the topic was recreated. "
                f"`footfall replay --partition {partition} --from-offset {held.end} --execute` goes on from there."
            )
        if position < held.begin:
            gap = f"Kafka removed offsets {position} to {held.begin - 1} of partition {partition}"
            if not self._accept_gap:
                raise CannotGoOn(f"{gap} before they landed. Set FOOTFALL_ACCEPT_GAP=true to go on without them.")
            log.error("%s before they landed; going on without them", gap)
            metrics.RECORDS_LOST.inc(held.begin - position)

    async def _shrink(self, error: TookTooLong) -> None:
        log.warning("a batch took too long", extra={"error": str(error), "rows": self._size.rows})
        metrics.BATCH_SHRINKS.inc()
        if not self._size.took_too_long():
            await self._wait_for_store(error)

    async def _wait_for_store(self, error: StoreUnavailable) -> None:
        """Postgres is away: stay in the group, try again with ever longer pauses, for ever."""
        if self._source.reassigned:
            return
        metrics.WRITE_RETRIES.labels(error.state_class).inc()
        log.warning("Postgres cannot take events", extra={"error": str(error)})
        await self._wait(random.uniform(0, self._pause))
        self._pause = min(self._pause * 2, _MAX_PAUSE)

    async def _wait_for_person(self, error: Halted) -> None:
        log.critical("%s", error)
        metrics.HALTED.set(1)
        metrics.BREAKER_OPEN.set(isinstance(error, TooManyDeadLetters))
        await self._wait(_HALTED_PAUSE)

    def _tell_lag(self) -> int:
        lag = self._source.lag(self._landed_to)
        metrics.LAG.set(lag)
        metrics.LAG_SECONDS.set(max(0.0, time.time() - self._newest / 1000) if lag else 0)
        return lag

    async def _wait(self, seconds: float) -> None:
        await self._fall_out_of_step()
        self._tell_lag()
        started = time.monotonic()
        await self._source.wait_paused(seconds, self._stopping)
        metrics.PAUSED_SECONDS.inc(time.monotonic() - started)


def _count(batch: Batch, written: Written, most: int) -> None:
    metrics.HALTED.set(0)
    metrics.BREAKER_OPEN.set(0)
    metrics.ROWS.inc(written.rows)
    metrics.DUPLICATES.inc(written.duplicates)
    metrics.ERASED.inc(written.erased)
    for letter in written.dead_letters:
        metrics.DEAD_LETTERS.labels(letter.reason).inc()
    metrics.BATCH_ROWS.observe(written.records)
    metrics.BATCH_BYTES.observe(batch.bytes)
    metrics.BATCH_MAX_ROWS.set(most)
    metrics.NEWEST_EVENT.set(batch.newest / 1000)
    metrics.LATENCY_SECONDS.observe(max(0.0, time.time() - batch.oldest / 1000))
