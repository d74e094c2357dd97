"""Plans with files that are behind: what they lack, or have in an older version, is read first."""

from collections.abc import Collection, Sequence
from typing import Protocol

from dashboard.columns.plan import Behind, ColumnFile, DayState, Plan, plan
from dashboard.columns.snapshot import Snapshot


class Follower(Protocol):
    """Knows what is different since files were made."""

    @property
    def unknown(self) -> Collection[tuple[str, int]]:
        """Hours of files (paths) of which that is not known."""

    def catch_up(self, snapshot: Snapshot, behind: Sequence[Behind]) -> bool:
        """Read what is different. Return whether it is known for all hours; else `unknown` has other ones."""


def caught_up_plan(
    snapshot: Snapshot,
    days: Sequence[DayState],
    files: Collection[ColumnFile],
    first: int,
    end: int,
    follower: Follower,
) -> Plan:
    """A plan of which everything that is behind was caught up with."""
    while True:
        planned = plan(days, files, first, end, follower.unknown)
        if follower.catch_up(snapshot, planned.behind):
            return planned
