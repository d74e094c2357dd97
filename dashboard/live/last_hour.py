"""Which events the page counts: those of people, or those of programs too. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from avro_schemas.live_aggregates import of_programs
from dashboard.live.windows import Counts, WindowedCounts

# Programs have names of their own instead, in a panel of their own.
_ALWAYS_APART = "browsers"


class Counted(Protocol):
    """The minutes of a dimension."""

    @property
    def total(self) -> Counts:
        """The counts of all minutes."""

    def window(self, start: int) -> Counts:
        """The counts of one minute."""

    def first_and_last(self, name: str) -> tuple[int, int]:
        """The starts of the first and the last minute that count the name; zeros where none does."""


@dataclass(frozen=True, slots=True)
class Together:
    """Two dimensions as one."""

    one: WindowedCounts
    other: WindowedCounts

    @property
    def total(self) -> Counts:
        """The counts of all minutes."""
        return _sum(self.one.total, self.other.total)

    def window(self, start: int) -> Counts:
        """The counts of one minute."""
        return _sum(self.one.window(start), self.other.window(start))

    def first_and_last(self, name: str) -> tuple[int, int]:
        """The starts of the first and the last minute that count the name; zeros where none does."""
        found = [each for each in (self.one.first_and_last(name), self.other.first_and_last(name)) if any(each)]
        return (min(first for first, _ in found), max(last for _, last in found)) if found else (0, 0)


@dataclass(frozen=True, slots=True)
class LastHour:
    """The minutes of each dimension, of people or of everybody."""

    minutes: Mapping[str, WindowedCounts]
    with_programs: bool

    def __getitem__(self, dimension: str) -> Counted:
        of_people = self.minutes.get(dimension) or WindowedCounts()
        twin = self.minutes.get(of_programs(dimension))
        if not self.with_programs or twin is None or dimension == _ALWAYS_APART:
            return of_people
        return Together(of_people, twin)


def _sum(one: Counts, other: Counts) -> Counts:
    return one | {name: one.get(name, 0) + count for name, count in other.items()} if other else one
