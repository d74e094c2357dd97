"""Landing: fetch, sift, write; and what to do when writing fails. Knows neither Kafka's client nor Postgres's."""

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sinks import metrics
from sinks.errors import CannotGoOn, Fenced, StoreUnavailable
from sinks.rows import Batch, DeadLetter, SourceRecord, sift

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

Fetched = Mapping[int, Sequence[SourceRecord]]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch."""

    rows: int
    duplicates: int
    dead_letters: Sequence[DeadLetter]
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Range:
    """What Kafka holds of a partition: from `begin` up to, not including, `end`."""

    begin: int
    end: int


class Source(Protocol):
    """A log of records in partitions."""

    @property
    def reassigned(self) -> bool: ...

    async def ranges(self) -> dict[int, Range]: ...

    async def seek(self, positions: Mapping[int, int]) -> None: ...

    async def gather(self, most: int, seconds: float) -> Fetched: ...

    async def wait_paused(self, seconds: float) -> None: ...

    async def report_progress(self, positions: Mapping[int, int]) -> None: ...


class EventStore(Protocol):
    """Where rows land, with the offsets they came from. Its methods block."""

    def prepare(self) -> None: ...

    def offsets(self, begins: Mapping[int, int]) -> dict[int, int]: ...

    def write(self, batch: Batch) -> Written: ...


class Landing:
    """Moves events from a source into a store; the store's offsets say where it stands."""

    def __init__(self, source: Source, store: EventStore, *, rows: int, seconds: float, accept_gap: bool) -> None:
        self._source, self._store = source, store
        self._rows, self._seconds, self._accept_gap = rows, seconds, accept_gap
        self._positions: dict[int, int] = {}
        self._pause = _FIRST_PAUSE
        self.in_step = False
        self.last_turn = time.monotonic()

    async def run(self, stopping: asyncio.Event) -> None:
        """Land until told to stop. Raise CannotGoOn where a person must decide."""
        while not stopping.is_set():
            self.last_turn = time.monotonic()
            try:
                await self._turn()
                self._pause = _FIRST_PAUSE
            except Fenced as error:
                metrics.FENCED.inc()
                log.warning("%s; reading the offsets again", error)
                self.in_step = False
            except StoreUnavailable as error:
                await self._wait_for_store(error)

    async def _turn(self) -> None:
        if self._source.reassigned or not self.in_step:
            await self._fall_in_step()
        if not self.in_step:
            return  # no partition is ours yet
        fetched = await self._source.gather(self._rows, self._seconds)
        if not fetched or self._source.reassigned:
            return  # what was fetched before a rebalance is fetched again by whoever owns it
        batch, written = await asyncio.to_thread(self._land, fetched)
        self._positions |= {partition: span.next for partition, span in batch.spans.items()}
        _count(written)
        await self._source.report_progress(self._positions)

    def _land(self, fetched: Fetched) -> tuple[Batch, Written]:
        batch = sift(fetched, self._positions)
        return batch, self._store.write(batch)

    async def _fall_in_step(self) -> None:
        """Go on where the store says; Kafka's own committed offsets are never asked."""
        self.in_step = False
        ranges = await self._source.ranges()
        if not ranges:
            return
        begins = {partition: held.begin for partition, held in ranges.items()}
        await asyncio.to_thread(self._store.prepare)
        self._positions = await asyncio.to_thread(self._store.offsets, begins)
        for partition, held in ranges.items():
            self._check(partition, held)
        starts = {p: max(position, begins[p]) for p, position in self._positions.items()}
        await self._source.seek(starts)
        self.in_step = True

    def _check(self, partition: int, held: Range) -> None:
        position = self._positions[partition]
        if position > held.end:
            raise CannotGoOn(
                f"partition {partition} of the topic ends at {held.end}, but {position} has landed already: the "
                "topic was recreated. Delete its rows of sink_offsets to land the new topic from its start."
            )
        if position < held.begin:
            gap = f"Kafka removed offsets {position} to {held.begin - 1} of partition {partition}"
            if not self._accept_gap:
                raise CannotGoOn(f"{gap} before they landed. Set FOOTFALL_ACCEPT_GAP=true to go on without them.")
            log.error("%s before they landed; going on without them", gap)
            metrics.GAPS.inc(held.begin - position)

    async def _wait_for_store(self, error: StoreUnavailable) -> None:
        """Postgres is away: stay in the group, try again with ever longer pauses, for ever."""
        metrics.WAITS.inc()
        log.warning("Postgres cannot take events", extra={"error": str(error)})
        self.in_step = False
        await self._source.wait_paused(random.uniform(self._pause / 2, self._pause))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)


def _count(written: Written) -> None:
    metrics.ROWS.inc(written.rows)
    metrics.DUPLICATES.inc(written.duplicates)
    metrics.ERASED.inc(written.erased)
    metrics.BATCH_ROWS.observe(written.rows + written.duplicates)
    for letter in written.dead_letters:
        metrics.DEAD_LETTERS.labels(letter.reason).inc()
