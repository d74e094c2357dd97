"""Events of each user in the last minute, in six slots of append time: a client's clock cannot forge it.

Events that were held on their way, by a spool or an outage, count in the slot in which the collector received
them: a burst of what came in over an hour is not a burst of their users.
"""

import struct
from binascii import hexlify, unhexlify
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from avro_schemas.live_aggregates import SLOT_MS
from avro_schemas.record_key import DIGITS, KEY_SIZE

SLOTS = 6
WINDOW_SECONDS = SLOT_MS * SLOTS // 1000
# Slots stay in the changelog until newer ones overwrite them. Twice the window is a margin: a torn checkpoint
# overwrites slots that have left the window, not slots in it.
_RING = 2 * SLOTS
# A slot is written in this many values, so that a few active users do not rewrite all others.
_BUCKETS = 64
# By the first two digits of a key.
_BUCKET_OF = {b"%02x" % byte: byte % _BUCKETS for byte in range(256)}

_HEAD = struct.Struct(">QI")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A user's events in the window, and until when (milliseconds since 1970) they are at or over the limit.

    The user key is that of the records: 32 hex digits.
    """

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
        return self.buckets.get(_BUCKET_OF[key[:2]], {}).get(key, 0)


class UserRates:
    """The sliding minute of every user of one partition."""

    def __init__(self, limit: int, min_total_events: int) -> None:
        self._limit, self._min_total_events = limit, min_total_events
        # Oldest first; none is older than the window.
        self._slots: deque[_Slot] = deque()
        # By user, the sum over the slots; only users with events in the window.
        self._sums: dict[bytes, int] = {}
        # Users whose sum is at or over the limit, and when it falls below.
        self._blocked: dict[bytes, int] = {}
        # Slot and bucket numbers to write to the changelog.
        self._dirty: set[tuple[int, int]] = set()
        # Users whose verdict changed since it was emitted.
        self._pending: set[bytes] = set()
        # Minute, user, events: totals that were not emitted yet. They are emitted once, before the state is
        # written.
        self._pending_totals: list[tuple[int, bytes, int]] = []
        # A minute that has no totals, as the clock went back into it and part of it is gone; -1 is none.
        self.unknown_minute = -1

    def advance(self, now: int) -> None:
        """Go to the slot of `now`; drop what has left the window."""
        number = now // SLOT_MS
        if self._slots and self._slots[-1].number == number:
            return
        if self._slots and self._slots[-1].number > number:
            self._go_back(number)
        elif self._slots and self._slots[-1].number // SLOTS < number // SLOTS:
            self._end_minute(self._slots[-1].number // SLOTS)
        if not self._slots or self._slots[-1].number < number:
            self._slots.append(_Slot(number))
        while self._slots[0].number <= number - SLOTS:
            self._subtract(self._slots.popleft())

    def count(self, keys: Iterable[bytes | None]) -> None:
        """Count events, by the keys of their records, in the slot that `advance` went to.

        A record of others may have any key: what is not a key of ours is nobody's.
        """
        self._count(self._slots[-1], keys)

    def count_held(self, keys_by_slot: Mapping[int, Iterable[bytes | None]]) -> None:
        """Count events in earlier slots, by their numbers. Those that have left the window are in no rate."""
        for number, keys in sorted(keys_by_slot.items()):
            if number > self._slots[-1].number - SLOTS:
                self._count(self._earlier(number), keys)

    def _earlier(self, number: int) -> _Slot:
        place = next(place for place, slot in enumerate(self._slots) if slot.number >= number)
        if self._slots[place].number > number:
            self._slots.insert(place, _Slot(number))
        return self._slots[place]

    def _count(self, slot: _Slot, keys: Iterable[bytes | None]) -> None:
        sums = self._sums
        for key, count in Counter(keys).items():
            if key is None:
                continue
            before = sums.get(key, 0)
            if not before and not _is_key(key):
                continue
            number = _BUCKET_OF[key[:2]]
            bucket = slot.buckets[number]
            bucket[key] = bucket.get(key, 0) + count
            self._dirty.add((slot.number, number))
            total = sums[key] = before + count
            if total >= self._limit:
                self._block(key)

    def events(self, key: bytes) -> int:
        """Events of a user in the window."""
        return self._sums.get(key, 0)

    def blocked_until(self, key: bytes) -> int | None:
        """Until when (milliseconds since 1970) a user is over the limit."""
        return self._blocked.get(key)

    def verdicts(self) -> Iterator[Verdict]:
        """What changed since the last call: users who reached the limit, and users who fell below it again."""
        for key in sorted(self._pending):
            yield Verdict(key, self.events(key), self._blocked.get(key))
        self._pending.clear()

    def minute_totals(self) -> Iterator[MinuteTotal]:
        """Minutes that ended since the last call, of the users who sent enough in them."""
        for minute, key, events in self._pending_totals:
            ended_at = (minute + 1) * SLOTS * SLOT_MS
            yield MinuteTotal(key, events, self._blocked.get(key), ended_at)
        self._pending_totals.clear()

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """Values to write to the changelog since the last call, by their place in the ring."""
        slots = {slot.number: slot for slot in self._slots}
        for number, bucket in sorted(self._dirty):
            if number in slots:
                yield f"{number % _RING}|{bucket}", _pack(number, slots[number].buckets[bucket])
        self._dirty.clear()

    def mark_all_dirty(self) -> None:
        """Write and emit everything at the next calls of `changes` and `verdicts`."""
        for slot in self._slots:
            self._dirty.update((slot.number, bucket) for bucket in slot.buckets)
        self._pending.update(self._blocked)

    def restore(self, payloads: list[bytes], now: int) -> None:
        """Take over values of earlier `changes`, in any order, but for those that have left the window."""
        restored: dict[int, _Slot] = {}
        self._slots.clear()
        for number, counts in map(_unpack, payloads):
            if now // SLOT_MS - SLOTS < number <= now // SLOT_MS:
                slot = restored.setdefault(number, _Slot(number))
                for key, count in counts.items():
                    slot.buckets[_BUCKET_OF[key[:2]]][key] = count
                    self._sums[key] = self._sums.get(key, 0) + count
        self._slots.extend(restored[number] for number in sorted(restored))
        # Not by `advance`: the minutes before this slot were ended by the owner that went to it, and some of their
        # slots may have left the window since.
        if not self._slots or self._slots[-1].number < now // SLOT_MS:
            self._slots.append(_Slot(now // SLOT_MS))
        for key, total in self._sums.items():
            if total >= self._limit:
                self._block(key)

    def _go_back(self, number: int) -> None:
        """The clock was wrong: drop what it counted in the future."""
        while self._slots and self._slots[-1].number > number:
            self._subtract(self._slots.pop())
        self.unknown_minute = number // SLOTS

    def _end_minute(self, minute: int) -> None:
        """Note its totals. Its slots are all there, as the window is as long as a minute."""
        if minute == self.unknown_minute:
            return
        slots = [slot for slot in self._slots if slot.number // SLOTS == minute]
        for key in sorted(key for key, total in self._sums.items() if total >= self._min_total_events):
            events = sum(slot.events(key) for slot in slots)
            if events >= self._min_total_events:
                self._pending_totals.append((minute, key, events))

    def _subtract(self, slot: _Slot) -> None:
        for bucket in slot.buckets.values():
            for key, count in bucket.items():
                left = self._sums[key] - count
                if left:
                    self._sums[key] = left
                else:
                    del self._sums[key]
                if left < self._limit and self._blocked.pop(key, None) is not None:
                    self._pending.add(key)

    def _block(self, key: bytes) -> None:
        until = self._below_limit_at(key)
        if self._blocked.get(key) != until:
            self._blocked[key] = until
            self._pending.add(key)

    def _below_limit_at(self, key: bytes) -> int:
        """When enough slots have left the window for the user to be below the limit."""
        left = self._sums[key]
        for slot in self._slots:
            left -= slot.events(key)
            if left < self._limit:
                return (slot.number + SLOTS) * SLOT_MS
        raise AssertionError("the slots hold all that the sum counts")


def _is_key(key: bytes) -> bool:
    # A regular expression takes three times as long.
    return len(key) == DIGITS and not key.translate(None, b"0123456789abcdef")


def _pack(number: int, counts: dict[bytes, int]) -> bytes:
    values = struct.pack(f">{len(counts)}I", *counts.values())
    return _HEAD.pack(number, len(counts)) + unhexlify(b"".join(counts)) + values


def _unpack(payload: bytes) -> tuple[int, dict[bytes, int]]:
    number, count = _HEAD.unpack_from(payload)
    middle = _HEAD.size + count * KEY_SIZE
    digits = hexlify(payload[_HEAD.size : middle])
    keys = (digits[at : at + DIGITS] for at in range(0, len(digits), DIGITS))
    return number, dict(zip(keys, struct.unpack_from(f">{count}I", payload, middle), strict=True))
