"""Decides which step is due for a day. No I/O: time and settings are arguments.

    open -> closed -> audited -> packed -> detaching -> detached -> dropped

A day is closed and audited as soon as it is over, packed a few days later, and dropped when its retention ends,
but only if its last audit added up. Late or erased rows send it back to `closed`, so that it is audited again. A
step that was interrupted is finished first.
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
    """What is known of a day.

    `rows` were there at the last audit, on the day `audited_on`; `packed` of them are packed; `expected` should be
    there according to the roll-up and the erasures. `attached`: its partition belongs to `raw_events`.
    """

    day: date
    state: State = "open"
    rows: int = 0
    packed: int = 0
    expected: int = 0
    audited_on: date | None = None
    attached: bool = True

    @property
    def changed(self) -> bool:
        """Whether rows landed or were erased since the last audit."""
        return self.rows != self.expected


def next_step(day: Day, today: date, retention: RetentionSettings) -> Step | None:
    """The next step for a day, or None if nothing is due."""
    match day.state:
        case "detaching":
            return "detach"
        case "detached":
            # A later event attached the partition again.
            return "detach" if day.attached else "drop"
        case "dropped":
            # A later event created the partition again.
            return "detach" if day.attached else None
        case "closed":
            return "audit"
        case "open" | "differs":
            # A day that did not add up is closed and audited again every round: erasures or a repair may have
            # made it right. It never reaches `detach` from here.
            return "close" if day.day < today else None
    expired = day.day < today - timedelta(days=retention.retention_days)
    # An audit counts the whole day, so late rows trigger one at most once per day. But nothing is dropped without
    # it.
    if day.changed and (expired or day.audited_on != today):
        return "close"
    if expired:
        return "detach"
    # Rows of a packed day that are not packed landed late.
    old = day.day < today - timedelta(days=retention.pack_after_days)
    return "pack" if old and day.rows > day.packed else None


def plan(day: Day, today: date, retention: RetentionSettings) -> Iterator[Step]:
    """All steps that are due for a day, if each succeeds."""
    while step := next_step(day, today, retention):
        yield step
        day = _after(step, day, today)


def _after(step: Step, day: Day, today: date) -> Day:
    match step:
        case "close":
            return replace(day, state="closed")
        case "audit":
            return replace(day, state="audited", rows=day.expected, audited_on=today)
        case "pack":
            return replace(day, state="packed", packed=day.rows)
        case "detach":
            return replace(day, state="detached", attached=False)
        case "drop":
            return replace(day, state="dropped")
