"""Numbers for people: whoever is in several files is counted once, without comparing keys each time. No I/O.

A summary has the keys of its people once, and lists of their places among these for everything that they are
counted by. A process gives each key a number when it first reads a file: then to count people is to mark numbers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Numbered = NDArray[np.int64]
# Of fewer than a number in so many, they are sorted rather than marked among all.
_SPARSE = 16


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of people, 128 bits each, in two halves."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]

    def at(self, places: NDArray[np.bool_] | Numbered) -> "Keys":
        """Some of them."""
        return Keys(self.high[places], self.low[places])


NO_KEYS = Keys(np.empty(0, np.uint64), np.empty(0, np.uint64))


@dataclass(frozen=True, slots=True)
class People:
    """The people of some files. It never changes: more files make another one."""

    # By the first half; of equal ones in any order.
    keys: Keys = NO_KEYS
    numbers: Numbered = field(default_factory=lambda: np.empty(0, np.int64))
    # The number of each of the people of a file.
    of_file: Mapping[str, Numbered] = field(default_factory=dict)

    def with_files(self, keys: Mapping[str, Keys]) -> "People":
        """The same with the people of more files."""
        if not keys:
            return self
        added = Keys(
            np.concatenate([each.high for each in keys.values()]),
            np.concatenate([each.low for each in keys.values()]),
        )
        found = self.of(added)
        new, is_first = _unknown(added, found, len(self.numbers))
        fresh = added.at(is_first)
        order = np.argsort(fresh.high)
        fresh, numbers = fresh.at(order), new[is_first][order]
        places = np.searchsorted(self.keys.high, fresh.high)
        merged = Keys(np.insert(self.keys.high, places, fresh.high), np.insert(self.keys.low, places, fresh.low))
        ends = np.cumsum([len(each.high) for each in keys.values()])[:-1]
        of_added = dict(zip(keys, np.split(new, ends), strict=True))
        return People(merged, np.insert(self.numbers, places, numbers), {**self.of_file, **of_added})

    def of(self, keys: Keys) -> Numbered:
        """Their numbers, -1 for those who are in none of the files."""
        known, place = len(self.numbers), np.searchsorted(self.keys.high, keys.high)
        found = np.full(len(keys.high), -1, np.int64)
        if not known:
            return found
        # Nearly always once: different keys with the same half are neighbours.
        looking = np.arange(len(keys.high))
        while len(looking := looking[place[looking] < known]):
            at = place[looking]
            looking, at = _where(self.keys.high[at] == keys.high[looking], looking, at)
            is_same = self.keys.low[at] == keys.low[looking]
            found[looking[is_same]] = self.numbers[at[is_same]]
            looking = looking[~is_same]
            place[looking] += 1
        return found

    def counted(
        self,
        lists: Iterable[tuple[int, str, NDArray[np.uint32]]],
        groups: NDArray[np.int64],
        keys: Keys,
    ) -> Mapping[int, int]:
        """How many people each group has: those of lists of places in files, and those with keys."""
        of_group: dict[int, list[Numbered]] = defaultdict(list)
        for group, file, places in lists:
            of_group[group].append(self.of_file[file][places])
        others, is_first = _unknown(keys, self.of(keys), len(self.numbers))
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
        for start, end in pairwise([*starts.tolist(), len(groups)]):
            of_group[int(groups[order[start]])].append(others[order[start:end]])
        marks = np.zeros(len(self.numbers) + int(is_first.sum()), np.bool_)
        return {group: _different(numbers, marks) for group, numbers in of_group.items()}


def _where(chosen: NDArray[np.bool_], *arrays: Numbered) -> tuple[Numbered, ...]:
    return tuple(each[chosen] for each in arrays)


def _different(numbers: list[Numbered], marks: NDArray[np.bool_]) -> int:
    if sum(map(len, numbers)) * _SPARSE < len(marks):
        return len(np.unique(np.concatenate(numbers)))
    marks[:] = False
    for each in numbers:
        marks[each] = True
    return int(np.count_nonzero(marks))


def _unknown(keys: Keys, found: Numbered, first: int) -> tuple[Numbered, NDArray[np.bool_]]:
    """Numbers from `first` on for those that have none, and which keys are the first with a new number."""
    unknown = np.flatnonzero(found < 0)
    high, low = keys.high[unknown], keys.low[unknown]
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    numbers, is_first = found.copy(), np.zeros(len(found), np.bool_)
    numbers[unknown[order]] = first - 1 + np.cumsum(is_new)
    is_first[unknown[order[is_new]]] = True
    return numbers, is_first
