"""What is due for a day: pure.

open -> closed -> audited -> packed -> detaching -> detached -> dropped. A day is closed and audited when it is
over, packed some days later, and dropped when its retention ends; only if its audit is right. What came late,
or was erased, sends it back to be audited again. What was begun is finished.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from service_kit.retention import RetentionSettings

State = Literal["open", "closed", "audited", "differs", "packed", "detaching", "detached", "dropped"]
Step = Literal["close", "audit", "pack", "detach", "drop"]


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of a day: rows by its last audit, how many of them are packed, and rows by its roll-up."""

    day: date
    state: State = "open"
    rows: int = 0
    packed: int = 0
    expected: int = 0
    checked_on: date | None = None
    attached: bool = True

    @property
    def changed(self) -> bool:
        """Whether rows came or were erased since the last audit."""
        return self.rows != self.expected


def next_step(day: Day, today: date, retention: RetentionSettings) -> Step | None:
    """What to do next with a day."""
    match day.state:
        case "detaching":
            return "detach"
        case "detached":
            return "drop"
        case "dropped":
            # Something came later still, and made it a partition again.
            return "detach" if day.attached else None
        case "closed":
            return "audit"
        case "open" | "differs":
            return "close" if day.day < today else None
    old = day.day < today - timedelta(days=retention.retention_days)
    if day.changed and (old or day.checked_on != today):
        return "close"
    if old:
        return "detach"
    # The other rows of a day that is packed came late.
    is_due = day.day < today - timedelta(days=retention.pack_after_days)
    return "pack" if is_due and day.rows > day.packed else None


def plan(day: Day, today: date, retention: RetentionSettings) -> Iterator[Step]:
    """All the steps that are due for a day, if each goes well."""
    while step := next_step(day, today, retention):
        yield step
        day = _after(step, day, today)


def _after(step: Step, day: Day, today: date) -> Day:
    match step:
        case "close":
            return replace(day, state="closed")
        case "audit":
            return replace(day, state="audited", rows=day.expected, checked_on=today)
        case "pack":
            return replace(day, state="packed", packed=day.rows)
        case "detach":
            return replace(day, state="detached", attached=False)
        case "drop":
            return replace(day, state="dropped")
