"""Counts by name in windows, and in all of them together. No I/O."""

import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence

from avro_schemas.live_aggregates import OTHER

Counts = dict[str, int]

# Names per partial. The counts of further names are added up, so that made-up names cannot fill the memory.
MAX_NAMES = 100
# What a partial begins with: its source offset, and how numbers of names and counts are stored.
_HEAD = struct.Struct("<qcc")


def bounded(counts: Mapping[str, int], max_names: int) -> Mapping[str, int]:
    """The most frequent names, and the others together as `*`, so that the sum stays the same."""
    if len(counts) <= max_names:
        return counts
    ranked = sorted(counts.items(), key=lambda pair: (pair[0] == OTHER, -pair[1], pair[0]))
    top = dict(ranked[: max_names - 1])
    top[OTHER] = sum(counts.values()) - sum(top.values())
    return top


class WindowedCounts:
    """The counts of each window: the sum over all partitions of the partial with the highest source offset.

    Names have numbers, and partials are bytes: as mappings they would take twenty times the memory.
    """

    def __init__(self, max_names: int = MAX_NAMES) -> None:
        self._max_names = max_names
        # Window start -> partition -> its newest partial.
        self._windows: dict[int, dict[int, bytes]] = {}
        # A cache of sums over the partitions of a window: every change to the window deletes its entry.
        self._sums: dict[int, Counts] = {}
        # Always the sum of all partials in `_windows`, without names that count 0.
        self.total: Counts = {}
        # The numbers of the names in `total`, the name of each number, and numbers that are not in use any more.
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._unused: list[int] = []

    def merge(self, start: int, partition: int, source_offset: int, counts: Mapping[str, int]) -> None:
        """Replace the partition's partial in a window, unless the one that is there is newer."""
        window = self._windows.setdefault(start, {})
        old = window.get(partition)
        if old is not None and source_offset < _offset_of(old):
            return
        window[partition] = _packed(source_offset, self._added(bounded(counts, self._max_names)))
        self._sums.pop(start, None)
        if old is not None:
            self._subtract(old)

    def drop_before(self, start: int) -> None:
        """Drop the windows that start earlier."""
        for expired in [window for window in self._windows if window < start]:
            for partial in self._windows.pop(expired).values():
                self._subtract(partial)
            self._sums.pop(expired, None)

    def window(self, start: int) -> Counts:
        """The counts of one window."""
        if start not in self._windows:
            return {}
        if start not in self._sums:
            sums: dict[int, int] = {}
            for partial in self._windows[start].values():
                for number, count in _unpacked(partial):
                    sums[number] = sums.get(number, 0) + count
            self._sums[start] = {self._names[number]: count for number, count in sums.items()}
        return self._sums[start]

    def first_and_last(self, name: str) -> tuple[int, int]:
        """The starts of the first and the last window that count the name; zeros where none does."""
        wanted = self._numbers.get(name)
        starts = [
            start
            for start, window in self._windows.items()
            if any(number == wanted for partial in window.values() for number, _count in _unpacked(partial))
        ]
        return (min(starts), max(starts)) if starts else (0, 0)

    def _added(self, counts: Mapping[str, int]) -> list[tuple[int, int]]:
        """Add counts to the total. Return them by the numbers of their names."""
        added = []
        for name, count in counts.items():
            if count > 0:
                self.total[name] = self.total.get(name, 0) + count
                number = self._numbers.get(name)
                added.append((self._new_number(name) if number is None else number, count))
        return added

    def _new_number(self, name: str) -> int:
        if self._unused:
            number = self._unused.pop()
            self._names[number] = name
        else:
            number = len(self._names)
            self._names.append(name)
        self._numbers[name] = number
        return number

    def _subtract(self, partial: bytes) -> None:
        for number, count in _unpacked(partial):
            name = self._names[number]
            if total := self.total[name] - count:
                self.total[name] = total
            else:
                del self.total[name]
                self._unused.append(self._numbers.pop(name))


def _packed(source_offset: int, counts: Sequence[tuple[int, int]]) -> bytes:
    columns = [number for number, _count in counts], [count for _number, count in counts]
    kinds = [_kind(column) for column in columns]
    stored = (array(kind, column).tobytes() for kind, column in zip(kinds, columns, strict=True))
    return b"".join((_HEAD.pack(source_offset, *(kind.encode() for kind in kinds)), *stored))


def _kind(numbers: Sequence[int]) -> str:
    """The smallest kind of array that holds them."""
    largest = max(numbers, default=0)
    return "H" if largest < 1 << 16 else "I" if largest < 1 << 32 else "Q"


def _offset_of(partial: bytes) -> int:
    offset: int = _HEAD.unpack_from(partial)[0]
    return offset


def _unpacked(partial: bytes) -> Iterator[tuple[int, int]]:
    """The numbers of names, with their counts."""
    _offset, *kinds = _HEAD.unpack_from(partial)
    numbers, counts = (array(kind.decode()) for kind in kinds)
    length = (len(partial) - _HEAD.size) // (numbers.itemsize + counts.itemsize)
    middle = _HEAD.size + length * numbers.itemsize
    numbers.frombytes(partial[_HEAD.size : middle])
    counts.frombytes(partial[middle:])
    return zip(numbers, counts, strict=True)
