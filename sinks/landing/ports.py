"""What landing needs: a source of records, and a store of rows with the offsets that they came from."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.topic_log import EpochEnd
from sinks.landing.judge import Verdict
from sinks.landing.rows import Batch, DeadLetter

# The records of each partition, in order. None if its next offsets hold no record: then it is `Covered`.
Fetched = Mapping[int, Sequence[KafkaRecord]]


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of the records of a batch."""

    rows: int
    duplicates: int
    dead_letters: Sequence[DeadLetter]
    erased: int = 0
    corrections: Sequence[Verdict] = ()

    @property
    def records(self) -> int:
        """All records of the batch."""
        return self.rows + self.duplicates + self.erased + len(self.dead_letters)


# Sees what is about to be committed, and raises if it must not be.
CommitCheck = Callable[[WriteResult], None]


def accept_all(_result: WriteResult) -> None:
    """The check that lets every batch pass."""


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """A partition in Kafka: its records have offsets from `begin` up to, not including, `end`.

    `committed` is the group's committed offset. It is only reported, for lag tools; landing never starts from it.
    """

    begin: int
    end: int
    committed: int


class Source(Protocol):
    """A log of records in partitions."""

    @property
    def reassigned(self) -> bool:
        """Whether partitions were assigned or revoked since `partition_offsets`: what was fetched is void."""

    def on_revoked(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Set what to await when partitions are revoked, before others get them."""

    async def topic_id(self) -> UUID | None:
        """The id of the topic as it is now: another one after it was recreated."""

    async def partition_offsets(self) -> dict[int, PartitionOffsets]:
        """The assigned partitions; empty while there are none."""

    async def epoch_ends(self, epochs: Mapping[int, int]) -> dict[int, EpochEnd]:
        """Where these leader epochs end in the log, by partition."""

    async def seek(self, positions: Mapping[int, int]) -> None:
        """Fetch from these offsets on."""

    async def fetch(self, max_rows: int, max_bytes: int, max_age_seconds: float) -> Fetched:
        """The next records. Empty if none arrive for a while, or if the partitions changed."""

    async def wait_paused(self, seconds: float, stopping: asyncio.Event) -> None:
        """Wait without fetching, and remain a member of the group. Ends early if the partitions change."""

    async def report_progress(self, positions: Mapping[int, int]) -> None:
        """Commit these offsets for lag tools."""

    def lag(self, positions: Mapping[int, int]) -> int:
        """Records from these offsets to the end."""

    def uncommitted(self) -> int:
        """Records at the end that wait for the end of a transaction of others."""


class EventStore(Protocol):
    """Where rows land, in one transaction with the offsets they came from.

    All methods block. One thread at a time calls them, except `cancel` and `abort`, which end a call of another
    thread.
    """

    def prepare(self) -> None:
        """Connect, and create what is missing."""

    def claim(self, begins: Mapping[int, int], topic_id: UUID | None = None) -> dict[int, int]:
        """Become the owner of partitions, and return the next offset of each: `begins` if nothing has landed yet.

        A batch of an earlier owner that is still being written must not commit after this returns.
        Raise CannotContinue if the stored offsets are of another topic.
        """

    def next_offsets(self, partitions: Collection[int]) -> dict[int, int]:
        """The next offset of claimed partitions, as it is stored now: a replay moves it back."""

    def leader_epochs(self, partitions: Collection[int]) -> dict[int, int]:
        """The leader epoch of the last record that landed, of claimed partitions; -1 if it is not known."""

    def write(self, batch: Batch, check_before_commit: CommitCheck = accept_all) -> WriteResult:
        """Write a batch completely or not at all. Raise Fenced if a range does not start at the next offset."""

    def cancel(self) -> None:
        """Ask the store to stop what it is doing. It may not answer."""

    def abort(self) -> None:
        """Break the connection, so that a call that is blocked fails now."""
