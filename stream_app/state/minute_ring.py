"""Something of each of the last minutes, in a ring in the changelog and in memory. No I/O."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

from avro_schemas.live_aggregates import MINUTE_MS
from stream_app.state.dimensions import EmitEvery
from stream_app.state.top_names import Counts
from stream_app.state.windows import Partial

# Readers show half an hour, or an hour; the rest of the ring is for late events.
RING_MINUTES = 64
# Longer than any grace period; a minute that changed is emitted before six more have passed.
OPEN_MINUTES = 57

T = TypeVar("T")


class MinuteRing(ABC, Generic[T]):
    """A value for each minute of one partition that had events."""

    def __init__(self, dimension: str) -> None:
        self._dimension = dimension
        # All minutes lie within the ring: newest - RING_MINUTES < minute <= newest.
        self._minutes: dict[int, T] = {}
        self._newest = 0
        # Minutes to write to the changelog, and minutes to emit; the latter also after they expired.
        self._dirty: set[int] = set()
        self._pending: set[int] = set()
        # Minutes whose value in the changelog a recovery must not take, as the clock was wrong.
        self._dropped: set[int] = set()

    @abstractmethod
    def _new(self) -> T:
        """The value of a minute without events."""

    @abstractmethod
    def _pack(self, value: T) -> bytes:
        """The value as bytes."""

    @abstractmethod
    def _unpack(self, packed: bytes) -> T:
        """The value of these bytes."""

    @abstractmethod
    def _counts(self, value: T) -> Counts:
        """What of the value readers can count without reading it."""

    def _settle(self, value: T) -> None:
        """The value was written, and hardly changes any more."""

    def reach(self, minute: int) -> bool:
        """Whether a minute may still change: one that may leave the ring before it is emitted does not.

        Those that have left the ring are dropped.
        """
        if minute > self._newest:
            self._advance(minute)
        return minute > self._newest - OPEN_MINUTES

    def changed(self, minute: int) -> T:
        """The value of such a minute, which the caller changes."""
        value = self._minutes.get(minute)
        if value is None:
            value = self._minutes[minute] = self._new()
        self._dirty.add(minute)
        self._pending.add(minute)
        return value

    @property
    def is_pending(self) -> bool:
        """Whether any minute is to be emitted."""
        return bool(self._pending)

    def go_back(self, latest: int) -> None:
        """The clock was wrong: drop the minutes that begin after `latest`."""
        for minute in [minute for minute in self._minutes if minute * MINUTE_MS > latest]:
            del self._minutes[minute]
            self._dropped.add(minute)
            self._pending.add(minute)
        self._newest = max(self._minutes, default=0)

    def partials(self, due: EmitEvery) -> Iterator[Partial]:
        """The minutes that changed or expired since they were emitted, if they are due."""
        if due < EmitEvery.SECOND:
            return
        for minute in sorted(self._pending):
            value = self._minutes.get(minute)
            counts, packed = (None, None) if value is None else (self._counts(value), self._pack(value))
            yield Partial(self._dimension, MINUTE_MS, minute * MINUTE_MS, counts, packed)
        self._pending.clear()

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """Values to write to the changelog since the last call, by their place in the ring."""
        places = {minute % RING_MINUTES for minute in self._minutes} if self._dropped else ()
        for minute in sorted(self._dropped):
            if minute % RING_MINUTES not in places:
                yield str(minute % RING_MINUTES), minute.to_bytes(8, "big")
        self._dropped.clear()
        for minute in sorted(self._dirty & self._minutes.keys()):
            yield str(minute % RING_MINUTES), minute.to_bytes(8, "big") + self._pack(self._minutes[minute])
            if minute < self._newest - 1:
                self._settle(self._minutes[minute])
        self._dirty.clear()

    def mark_all_dirty(self) -> None:
        """Write and emit everything at the next calls of `changes` and `partials`."""
        self._dirty.update(self._minutes)
        self._pending.update(self._minutes)

    def restore(self, payloads: list[bytes]) -> None:
        """Take over values of earlier `changes`, in any order."""
        self._minutes = {
            int.from_bytes(payload[:8], "big"): self._unpack(payload[8:])
            for payload in payloads
            if len(payload) > 8
        }
        self._advance(max(self._minutes, default=0))
        self._pending.clear()

    def _advance(self, minute: int) -> None:
        self._newest = minute
        for old in [old for old in self._minutes if old <= minute - RING_MINUTES]:
            del self._minutes[old]
            self._pending.add(old)
