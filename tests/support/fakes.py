"""Fakes for unit tests. LocalStore passes the same suite as the real store, tests/contracts/test_event_store.py."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from uuid import UUID

from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.topic_log import EpochEnd
from sinks.landing.errors import Fenced
from sinks.landing.event_row import EventRow
from sinks.landing.ports import CommitCheck, Fetched, PartitionOffsets, WriteResult, accept_all
from sinks.landing.rows import Batch


class LocalStore:
    """An event store in memory."""

    def __init__(self) -> None:
        self.rows: dict[UUID, EventRow] = {}
        self.next: dict[int, int] = {}
        self.epochs: dict[int, int] = {}

    def prepare(self) -> None:
        """Nothing to prepare."""

    def claim(self, begins: Mapping[int, int], topic_id: UUID | None = None) -> dict[int, int]:
        return {partition: self.next.setdefault(partition, begin) for partition, begin in begins.items()}

    def next_offsets(self, partitions: Collection[int]) -> dict[int, int]:
        return {partition: self.next[partition] for partition in partitions}

    def leader_epochs(self, partitions: Collection[int]) -> dict[int, int]:
        return {partition: self.epochs.get(partition, -1) for partition in partitions}

    def write(self, batch: Batch, check_before_commit: CommitCheck = accept_all) -> WriteResult:
        if fenced := [p for p, covered in batch.ranges.items() if self.next.get(p) != covered.start]:
            raise Fenced(fenced)
        new = {row.event_id: row for _partition, _record, row in batch.rows if row.event_id not in self.rows}
        repeats = len(batch.rows) - len(new) + len(batch.repeats)
        result = WriteResult(len(new), repeats, batch.dead_letters)
        check_before_commit(result)
        self.rows |= new
        self.epochs |= {partition: covered.epoch for partition, covered in batch.ranges.items()}
        self.next |= {partition: covered.next for partition, covered in batch.ranges.items()}
        return result

    def cancel(self) -> None:
        """No call of it blocks."""

    def abort(self) -> None:
        """No call of it blocks."""


class LocalSource:
    """A log in memory, fetched a few records at a time."""

    def __init__(self, log: dict[int, list[KafkaRecord]], begins: Mapping[int, int] | None = None) -> None:
        self._log, self._begins = log, begins or {}
        self._at: dict[int, int] = {}
        self.reassigned = True
        self.paused = 0.0
        # Where leader epochs end.
        self.ends: dict[int, EpochEnd] = {}
        self.fetches = 0

    def on_revoked(self, callback: Callable[[], Awaitable[None]]) -> None:
        self.revoke = callback

    async def topic_id(self) -> UUID | None:
        return None

    async def partition_offsets(self) -> dict[int, PartitionOffsets]:
        self.reassigned = False
        begins = {p: self._begins.get(p, 0) for p in self._log}
        return {p: PartitionOffsets(begins[p], len(records), begins[p]) for p, records in self._log.items()}

    async def epoch_ends(self, epochs: Mapping[int, int]) -> dict[int, EpochEnd]:
        return {partition: self.ends[partition] for partition in epochs}

    def uncommitted(self) -> int:
        return 0

    async def seek(self, positions: Mapping[int, int]) -> None:
        self._at = dict(positions)

    async def fetch(self, max_rows: int, max_bytes: int, max_age_seconds: float) -> Fetched:
        await asyncio.sleep(0)
        self.fetches += 1
        fetched = {p: self._log[p][at : at + max_rows] for p, at in self._at.items() if at < len(self._log[p])}
        self._at |= {p: self._at[p] + len(records) for p, records in fetched.items()}
        return fetched

    async def wait_paused(self, seconds: float, stopping: asyncio.Event) -> None:
        await asyncio.sleep(0)
        self.paused += seconds

    async def report_progress(self, positions: Mapping[int, int]) -> None:
        """No lag tool looks at it."""

    def lag(self, positions: Mapping[int, int]) -> int:
        return sum(len(self._log[p]) - position for p, position in positions.items())
