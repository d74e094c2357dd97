"""Events of a user in the last minute, in six slots of append time: no client's clock can forge it."""

import struct
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from avro_schemas.live_aggregates import SLOT_MS

SLOTS = 6
WINDOW_SECONDS = SLOT_MS * SLOTS // 1000
KEY_SIZE = 16
# Older slots stay in the log until newer ones overwrite them; twice the window keeps a late reader safe.
_RING = 2 * SLOTS
_BUCKETS = 64

_HEAD = struct.Struct(">QI")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A user's events in the window, and until when (milliseconds since 1970) that is the limit or more."""

    user_key: bytes
    events: int
    blocked_until: int | None


@dataclass(frozen=True, slots=True)
class MinuteTotal:
    """All events of a user in a minute that is over, and until when the user is over the limit now."""

    user_key: bytes
    events: int
    blocked_until: int | None
    ended_at: int


@dataclass(slots=True)
class _Slot:
    number: int
    buckets: dict[int, dict[bytes, int]] = field(default_factory=lambda: defaultdict(dict))

    def events(self, key: bytes) -> int:
        """Events of a user in this slot."""
        return self.buckets.get(key[0] % _BUCKETS, {}).get(key, 0)


class Rates:
    """The sliding minute of every user of one partition."""

    def __init__(self, limit: int, tell_from: int) -> None:
        self._limit, self._tell_from = limit, tell_from
        self._slots: deque[_Slot] = deque()
        self._sums: dict[bytes, int] = {}
        self._blocked: dict[bytes, int] = {}
        self._dirty: set[tuple[int, int]] = set()
        self._said: set[bytes] = set()
        self._over: list[tuple[int, bytes, int]] = []

    def roll(self, now: int) -> None:
        """Move to the slot of `now`, which never goes back; forget what is older than the window."""
        number = now // SLOT_MS
        if self._slots and self._slots[-1].number == number:
            return
        if self._slots and self._slots[-1].number // SLOTS < number // SLOTS:
            self._end_minute(self._slots[-1].number // SLOTS)
        self._slots.append(_Slot(number))
        while self._slots[0].number <= number - SLOTS:
            self._forget(self._slots.popleft())

    def count(self, keys: Iterable[bytes | None]) -> None:
        """Count events, by the keys of their users, in the slot that `roll` moved to."""
        slot, sums = self._slots[-1], self._sums
        for key, count in Counter(keys).items():
            if key is None or len(key) != KEY_SIZE:
                continue
            number = key[0] % _BUCKETS
            bucket = slot.buckets[number]
            bucket[key] = bucket.get(key, 0) + count
            self._dirty.add((slot.number, number))
            total = sums[key] = sums.get(key, 0) + count
            if total >= self._limit:
                self._block(key)

    def events(self, key: bytes) -> int:
        """Events of a user in the window."""
        return self._sums.get(key, 0)

    def blocked_until(self, key: bytes) -> int | None:
        """Until when (milliseconds since 1970) a user is over the limit."""
        return self._blocked.get(key)

    def verdicts(self) -> Iterator[Verdict]:
        """What changed since the last call: users who reached the limit, and who fell below it again."""
        for key in sorted(self._said):
            yield Verdict(key, self.events(key), self._blocked.get(key))
        self._said.clear()

    def minutes(self) -> Iterator[MinuteTotal]:
        """Minutes that were over since the last call, of the users who sent enough in them."""
        for minute, key, events in self._over:
            ended_at = (minute + 1) * SLOTS * SLOT_MS
            yield MinuteTotal(key, events, self._blocked.get(key), ended_at)
        self._over.clear()

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """What to write since the last call, by ring key."""
        slots = {slot.number: slot for slot in self._slots}
        for number, bucket in sorted(self._dirty):
            if number in slots:
                yield f"{number % _RING}|{bucket}", _pack(number, slots[number].buckets[bucket])
        self._dirty.clear()

    def change_all(self) -> None:
        """Write and say everything at the next calls of `changes` and `verdicts`."""
        for slot in self._slots:
            self._dirty.update((slot.number, bucket) for bucket in slot.buckets)
        self._said.update(self._blocked)

    def restore(self, payloads: list[bytes], now: int) -> None:
        """Take over what `changes` once gave, in any order; what is older than the window is passed over."""
        kept: dict[int, _Slot] = {}
        for number, counts in map(_unpack, payloads):
            if now // SLOT_MS - SLOTS < number <= now // SLOT_MS:
                slot = kept.setdefault(number, _Slot(number))
                for key, count in counts.items():
                    slot.buckets[key[0] % _BUCKETS][key] = count
                    self._sums[key] = self._sums.get(key, 0) + count
        self._slots.extend(kept[number] for number in sorted(kept))
        self.roll(now)
        for key, total in self._sums.items():
            if total >= self._limit:
                self._block(key)

    def _end_minute(self, minute: int) -> None:
        """Put down its totals; its slots are all there, as a window is as long as a minute."""
        slots = [slot for slot in self._slots if slot.number // SLOTS == minute]
        for key in sorted(key for key, total in self._sums.items() if total >= self._tell_from):
            events = sum(slot.events(key) for slot in slots)
            if events >= self._tell_from:
                self._over.append((minute, key, events))

    def _forget(self, slot: _Slot) -> None:
        for bucket in slot.buckets.values():
            for key, count in bucket.items():
                left = self._sums[key] - count
                if left:
                    self._sums[key] = left
                else:
                    del self._sums[key]
                if left < self._limit and self._blocked.pop(key, None) is not None:
                    self._said.add(key)

    def _block(self, key: bytes) -> None:
        until = self._free_at(key)
        if self._blocked.get(key) != until:
            self._blocked[key] = until
            self._said.add(key)

    def _free_at(self, key: bytes) -> int:
        """When enough slots have left the window for the user to be below the limit."""
        left = self._sums[key]
        for slot in self._slots:
            left -= slot.events(key)
            if left < self._limit:
                return (slot.number + SLOTS) * SLOT_MS
        raise AssertionError("the slots hold all that the sum counts")


def _pack(number: int, counts: dict[bytes, int]) -> bytes:
    values = struct.pack(f">{len(counts)}I", *counts.values())
    return _HEAD.pack(number, len(counts)) + b"".join(counts) + values


def _unpack(payload: bytes) -> tuple[int, dict[bytes, int]]:
    number, count = _HEAD.unpack_from(payload)
    middle = _HEAD.size + count * KEY_SIZE
    keys = (payload[at : at + KEY_SIZE] for at in range(_HEAD.size, middle, KEY_SIZE))
    return number, dict(zip(keys, struct.unpack_from(f">{count}I", payload, middle), strict=True))
