"""The two ends of landing: a source of records, and a store of rows; both as landing needs them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from service_kit.kafka import KafkaRecord
from sinks.landing.rows import Batch, DeadLetter

Fetched = Mapping[int, Sequence[KafkaRecord]]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch."""

    rows: int
    duplicates: int
    dead_letters: Sequence[DeadLetter]
    erased: int = 0

    @property
    def records(self) -> int:
        """All of them."""
        return self.rows + self.duplicates + self.erased + len(self.dead_letters)


# Looks at what would be committed, and raises where it must not be.
Admit = Callable[[Written], None]


def admit_all(_written: Written) -> None:
    """Nothing is held against a batch."""


@dataclass(frozen=True, slots=True)
class Range:
    """A partition in Kafka, from `begin` up to, not including, `end`; it was told that we are at `reported`."""

    begin: int
    end: int
    reported: int


class Source(Protocol):
    """A log of records in partitions."""

    @property
    def reassigned(self) -> bool: ...

    def when_revoked(self, let_go: Callable[[], Awaitable[None]]) -> None: ...

    async def topic_id(self) -> UUID | None: ...

    async def ranges(self) -> dict[int, Range]: ...

    async def seek(self, positions: Mapping[int, int]) -> None: ...

    async def gather(self, rows: int, max_bytes: int, seconds: float) -> Fetched: ...

    async def wait_paused(self, seconds: float, stopping: asyncio.Event) -> None: ...

    async def report_progress(self, positions: Mapping[int, int]) -> None: ...

    def lag(self, positions: Mapping[int, int]) -> int: ...


class EventStore(Protocol):
    """Where rows land, with the offsets they came from. Its methods block; `cancel` and `cut` end what does."""

    def prepare(self) -> None: ...

    def offsets(self, begins: Mapping[int, int], topic_id: UUID | None = None) -> dict[int, int]: ...

    def write(self, batch: Batch, admit: Admit = admit_all) -> Written: ...

    def cancel(self) -> None: ...

    def cut(self) -> None: ...
