"""What is due for each day: pure.

A day is open until it is over and little is expected to be late; then it is audited, and kept until its time has
come. Only a day whose audit is right is dropped. What was begun is finished.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

State = Literal["audited", "differs", "detaching", "dropped"]
Step = Literal["audit", "detach", "drop"]

# Clients' own ids may be a week old, and Kafka keeps events for another.
LATE_DAYS = 2
LEAST_KEPT_DAYS = 16


@dataclass(frozen=True, slots=True)
class Due:
    """A step that is due for a day."""

    day: date
    step: Step


def due(
    days: Sequence[date], states: Mapping[date, State], pending: Sequence[date], today: date, keep_days: int
) -> list[Due]:
    """What to do, oldest day first: for those that have a partition, and those whose detaching was cut off."""
    steps = []
    for day in sorted({*days, *pending, *(day for day, state in states.items() if state == "detaching")}):
        state = states.get(day)
        if state == "detaching":
            steps.append(Due(day, "detach" if day in days or day in pending else "drop"))
        elif day < today - timedelta(days=keep_days):
            steps += [Due(day, "audit"), Due(day, "detach")]
        elif day < today - timedelta(days=LATE_DAYS) and state != "audited":
            steps.append(Due(day, "audit"))
    return steps
