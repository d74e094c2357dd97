"""The most frequent names of a window, in bounded space: Space-Saving (Metwally, Agrawal, El Abbadi 2005).

A name that is new to a full window takes the place of the lightest one, and inherits its weight: so a name with
more than one in `max_names` of the events is in the window, whatever came before it. The counts do not contain
the inherited weight: they are the events since the name came in, never too many, and `other` has all the rest.

The names are a function of the events in their order, however these are cut into batches: of the lightest names
that one goes which came in first.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from avro_schemas.live_aggregates import MAX_NAME_BYTES, OTHER, shortened

Counts = dict[str, int]


class TopNames:
    """Counts by name. `max_names` bounds their number, without `*`; `max_name_bytes` cuts them off."""

    __slots__ = ("_counts", "_inherited", "_lightest", "_max_name_bytes", "_max_names", "_min_weight", "_other")

    def __init__(self, max_names: int, max_name_bytes: int = MAX_NAME_BYTES) -> None:
        self._max_names, self._max_name_bytes = max_names, max_name_bytes
        # In the order in which they came in.
        self._counts: Counts = {}
        # Of names that took the place of another: the weight of that one.
        self._inherited: Counts = {}
        # Events whose names are not in the window.
        self._other = 0
        # The names of the least weight, the first one last. Follows from the others, and is made when needed.
        self._lightest: list[str] = []
        self._min_weight = 0

    def add(self, counted: Mapping[str, int], in_order: Callable[[], Iterable[str]] | None = None) -> None:
        """Add counts, by names in the order of their first occurrence.

        `in_order` gives the name of every event: only where names have to make room does their order matter.
        """
        if len(self._counts) + len(counted) <= self._max_names or self._has_room(counted):
            counts = self._counts
            for full_name, count in counted.items():
                name = shortened(full_name, self._max_name_bytes)
                if name == OTHER:
                    self._other += count
                else:
                    counts[name] = counts.get(name, 0) + count
        else:
            for full_name in Counter(counted).elements() if in_order is None else in_order():
                self._add_one(shortened(full_name, self._max_name_bytes))

    def take_back(self, full_name: str) -> bool:
        """Count a name once less; one that is not in the window was counted as `*`. Return whether it was counted.

        A name without events leaves the window, and its place is free: the next new name inherits nothing.
        """
        name = shortened(full_name, self._max_name_bytes)
        if name in self._counts:
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]
                self._inherited.pop(name, None)
            self._lightest.clear()
            return True
        if not self._other:
            return False
        self._other -= 1
        return True

    def counts(self) -> Counts:
        """Events by name, which the caller may change; `*` is last, if it has any."""
        return {**self._counts, OTHER: self._other} if self._other else dict(self._counts)

    def payload(self) -> list[Counts | list[int]]:
        """For the changelog: the counts, and the weights that names have inherited if any have."""
        inherited = [[self._inherited.get(name, 0) for name in self._counts]] if self._inherited else []
        return [self.counts(), *inherited]

    def restore(self, counts: Counts, inherited: Iterable[int] = ()) -> None:
        """Take over an earlier payload."""
        self._other = counts.pop(OTHER, 0)
        self._counts = counts
        self._inherited = {name: weight for name, weight in zip(counts, inherited, strict=False) if weight}

    def _has_room(self, counted: Mapping[str, int]) -> bool:
        names = {shortened(name, self._max_name_bytes) for name in counted} - self._counts.keys() - {OTHER}
        return len(self._counts) + len(names) <= self._max_names

    def _add_one(self, name: str) -> None:
        counts = self._counts
        if name in counts:
            counts[name] += 1
        elif name == OTHER:
            self._other += 1
        else:
            if len(counts) >= self._max_names:
                self._inherited[name] = self._make_room()
            counts[name] = 1

    def _make_room(self) -> int:
        """Take the lightest name out. Return its weight."""
        name = self._next_lightest()
        while name is None:
            self._find_lightest()
            name = self._next_lightest()
        self._other += self._counts.pop(name)
        self._inherited.pop(name, None)
        return self._min_weight

    def _next_lightest(self) -> str | None:
        while self._lightest:
            name = self._lightest.pop()
            # Others have been counted since.
            if self._weight(name) == self._min_weight:
                return name
        return None

    def _find_lightest(self) -> None:
        weights = {name: self._weight(name) for name in self._counts}
        self._min_weight = min(weights.values())
        self._lightest = [name for name in reversed(weights) if weights[name] == self._min_weight]

    def _weight(self, name: str) -> int:
        return self._counts[name] + self._inherited.get(name, 0)


def summed(windows: Iterable[Counts], max_names: int) -> Counts:
    """The sum of windows in their order of time, with the most frequent names; of equals the first that came."""
    total: Counts = {}
    for window in windows:
        for name, count in window.items():
            total[name] = total.get(name, 0) + count
    other = total.pop(OTHER, 0)
    if len(total) > max_names:
        ranked = sorted(total.items(), key=lambda item: -item[1])
        other += sum(count for _name, count in ranked[max_names:])
        total = dict(ranked[:max_names])
    return {**total, OTHER: other} if other else total
