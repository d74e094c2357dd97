"""How far a state has taken over what the sinks say about records of `events`. No I/O.

A partition cannot know of every repeat: an id that came before its dedup window, or in another partition. Postgres
has one key for the ids of all partitions, so the sinks are the judge: they publish corrections.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from avro_schemas.correction import Correction
from service_kit.kafka.record import Headers


class Applied(StrEnum):
    """What became of a correction."""

    APPLIED = "applied"
    # It came before: the sinks publish at least once. Or it is said again of a record that stays as it is.
    KNOWN = "known"
    # The state has not counted such a record: it began later, or the correction is of another log.
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class CorrectedRecord:
    """The record of `events` that a correction is about."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def record_of(correction: Correction) -> CorrectedRecord:
    """As it stands in `events`, without its headers."""
    return CorrectedRecord(
        correction.event_offset, correction.appended_at, correction.key, correction.event or None
    )


@dataclass(frozen=True, slots=True)
class FoldedLog:
    """Which records a state has folded: those with offsets from `first` to `last` of the topic with this id."""

    topic_id: str | None
    first: int
    last: int


@dataclass(slots=True)
class CorrectionsState:
    """How far the corrections of a partition are applied."""

    # Of the topic that `next` is an offset in; None if it is not known.
    topic_id: str | None = None
    # The offset to go on from.
    next: int = 0
    # Of the newest correction that was taken.
    number: int = -1
    # No record that waits for the sinks was appended before this (milliseconds since 1970); 0 if none waits.
    waiting_since: int = 0

    def wait(self, appended_at: int) -> None:
        """A record waits for the sinks."""
        self.waiting_since = self.waiting_since or appended_at

    def judged(self, appended_at: int, still_waiting: int) -> None:
        """One that waited is judged. They come in the order of the log, but for dead letters that are replayed."""
        self.waiting_since = max(self.waiting_since, appended_at) if still_waiting else 0

    def payload(self) -> dict[str, Any]:
        """For the control value."""
        return asdict(self)
