"""What a checkpoint takes of the state of a partition: changed values, and what is emitted. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from avro_schemas.wire.codec import Undecodable
from service_kit.kafka.record import KafkaRecord
from stream_app.state.rates import MinuteTotal, Verdict
from stream_app.state.windows import Partial

# Key of the value that completes a checkpoint: position, watermark, totals.
CONTROL = "c"
CONTROL_FIELDS = {
    "position": int,
    "watermark": int,
    "outcomes": dict,
    "totals": list,
    "doubt": list,
    "first_ids": int,
    "first_offset": int,
    "unknown_minute": int,
    "corrections": dict,
}

# Term and position: see `stream_app/engine/changelog.py`.
Fence = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that is not an event, and why."""

    record: KafkaRecord
    error: Undecodable


@dataclass(frozen=True, slots=True)
class Copy:
    """A record that also goes to the topic of its event type."""

    event_type: str
    record: KafkaRecord


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing is folded any more: the log is another one. And where a person may have it go on."""

    reason: str
    resume_at: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a checkpoint writes: changed values for the changelog, the control value last; and what it emits."""

    position: int
    fence: Fence
    watermark: int
    values: list[tuple[str, bytes]]
    partials: list[Partial]
    verdicts: list[Verdict]
    minute_totals: list[MinuteTotal]
    rejected: list[RejectedRecord]
    copies: list[Copy]


class StatePart(Protocol):
    """A part of the state, with values of its own in the changelog."""

    def changes(self) -> Iterator[tuple[str, bytes]]: ...

    def mark_all_dirty(self) -> None: ...


class HeldRecords:
    """Records that wait for the next snapshot. They are not state: a crash loses them, and they are read again."""

    # So many bytes more count as one more record.
    BYTES_PER_RECORD = 2_000

    def __init__(self) -> None:
        self._rejected: list[RejectedRecord] = []
        self._copies: list[Copy] = []
        self._bytes = 0

    def __len__(self) -> int:
        """How many there are; large ones count as several."""
        return len(self._rejected) + len(self._copies) + self._bytes // self.BYTES_PER_RECORD

    def reject(self, record: KafkaRecord, error: Undecodable) -> None:
        """Hold a record that is not an event."""
        self._rejected.append(RejectedRecord(record, error))
        self._bytes += len(record.value or b"")

    def copy(self, event_type: str, record: KafkaRecord) -> None:
        """Hold a record for the topic of its event type."""
        self._copies.append(Copy(event_type, record))
        self._bytes += len(record.value or b"")

    def take(self) -> tuple[list[RejectedRecord], list[Copy]]:
        """All of them; from now on there are none."""
        taken = self._rejected, self._copies
        self._rejected, self._copies, self._bytes = [], [], 0
        return taken
