"""Which uses of a feature are a person's first. No I/O.

Pairs of person and feature are remembered in two Bloom filters: when the newer one is full, it becomes the older
one, and an empty one takes its place. A pair of the older one that is used again goes into the newer one: what is
forgotten was not used during a whole filter. A filter rarely takes a new pair for one that it knows. So there are
never too many first uses, but for those that were forgotten. All pairs of a person are in one page: whoever makes
up values fills that page alone, and then no more of them are new.

Of the newest pairs the minute of the first use is known too. If a use comes that occurred earlier, the first use
moves there; so within this bound it does not matter in which order events come.
"""

import struct
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

import mmh3

from avro_schemas.live_aggregates import OTHER

# A filter has so many pages of so many bits, 128 KiB in all, and becomes the older one with so many pairs. Then it
# takes less than one in 100 new pairs for one that it knows, even if people use thirty features each.
PAGES, _PAGE_BITS = 512, 2048
MAX_PAIRS = 80_000
# So many first uses can move to an earlier minute.
MAX_RECENT = 8_192
# A use that was too late for any minute is earlier than all of them.
BEFORE = -1
_HASHES, _PLACE_BITS = 7, 11
_RECENT_PAGES = 256
_MAX_SETTLED = 10_000

# Kind of value; number of the filter, number of pairs.
_HEAD = struct.Struct(">cQQ")
# Kind of value; number of the filter or zero, page.
_PAGE_HEAD = struct.Struct(">cQQ")
# Hash of a pair, minute.
_RECENT = struct.Struct(">QI")
_FILL, _BITS, _MINUTES = b"f", b"b", b"m"


@dataclass(frozen=True, slots=True)
class Moved:
    """A first use counts in the minute `to`, no more in `out_of`; None for no minute."""

    out_of: int | None
    to: int | None


@dataclass(slots=True)
class _Filter:
    """A Bloom filter; its pages are numbers of 2,048 bits."""

    number: int
    pairs: int = 0
    pages: dict[int, int] = field(default_factory=dict)

    def has(self, page: int, bits: int) -> bool:
        return self.pages.get(page, 0) & bits == bits


class FirstUses:
    """The pairs of person and feature of one partition."""

    def __init__(self, max_pairs: int = MAX_PAIRS, max_recent: int = MAX_RECENT) -> None:
        self._max_pairs, self._max_recent = max_pairs, max_recent
        self._older, self._newer = _Filter(-1), _Filter(0)
        # The minute of the first use of the newest pairs, by their hash.
        self._recent: dict[int, int] = {}
        self._is_dirty = False
        # Filter and page.
        self._dirty_pages: set[tuple[int, int]] = set()
        self._dirty_recent: set[int] = set()
        # Uses of which the newer filter has all pairs, and from which minute on they change nothing. Not state: it
        # only saves time.
        self._settled: dict[Hashable, int] = {}

    def is_settled(self, person: bytes, use: Hashable, minute: int) -> bool:
        """Whether such a use changes nothing, as it came before."""
        return self._settled.get((person, use), minute + 1) <= minute

    def use_all(
        self, person: bytes, use: Hashable, features: Iterable[str], minute: int
    ) -> list[tuple[str, Moved]]:
        """A person used the features of `use` in a minute. Return what this changes, by feature."""
        filter_before, found = self._newer.number, []
        for feature in features:
            if feature != OTHER and (moved := self.use(person, feature, minute)):
                found.append((feature, moved))
        if self._newer.number == filter_before:
            if len(self._settled) >= _MAX_SETTLED:
                self._settled.clear()
            self._settled[person, use] = minute
        return found

    def use(self, person: bytes, feature: str, minute: int) -> Moved | None:
        """A person used a feature in a minute. Return what this changes, if anything."""
        pair = int.from_bytes(mmh3.hash_bytes(b"%b\t%b" % (person, feature.encode())), "big")
        page = mmh3.hash(person, signed=False) % PAGES
        short, bits = pair >> 64, _bits(pair)
        is_known = self._newer.has(page, bits)
        if not is_known:
            is_known = self._older.has(page, bits)
            self._note(page, bits)
        if not is_known:
            if minute == BEFORE:
                return None
            self._remember(short, minute)
            return Moved(None, minute)
        known = self._recent.get(short)
        if known is None or minute >= known:
            return None
        self._dirty_recent.add(short % _RECENT_PAGES)
        if minute == BEFORE:
            del self._recent[short]
            return Moved(known, None)
        self._recent[short] = minute
        return Moved(known, minute)

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """Values to write to the changelog since the last call, by their place."""
        if not self._is_dirty and not self._dirty_recent:
            return
        yield "fill", _HEAD.pack(_FILL, self._newer.number, self._newer.pairs)
        filters = {each.number: each for each in (self._older, self._newer)}
        for number, page in sorted(self._dirty_pages):
            if number in filters:  # else it was forgotten since
                bits = filters[number].pages[page].to_bytes(_PAGE_BITS // 8, "big")
                yield f"{number % 2}.{page}", _PAGE_HEAD.pack(_BITS, number, page) + bits
        if self._dirty_recent:
            by_page: dict[int, list[tuple[int, int]]] = {page: [] for page in self._dirty_recent}
            for short, minute in self._recent.items():
                if short % _RECENT_PAGES in by_page:
                    by_page[short % _RECENT_PAGES].append((short, minute))
            for page, pairs in sorted(by_page.items()):
                packed = b"".join(_RECENT.pack(*each) for each in sorted(pairs))
                yield f"minutes.{page}", _PAGE_HEAD.pack(_MINUTES, 0, page) + packed
        self._is_dirty = False
        self._dirty_pages.clear()
        self._dirty_recent.clear()

    def mark_all_dirty(self) -> None:
        """Write everything at the next call of `changes`."""
        self._is_dirty = bool(self._newer.number or self._newer.pairs)
        self._dirty_pages.update((each.number, page) for each in (self._older, self._newer) for page in each.pages)
        self._dirty_recent.update(short % _RECENT_PAGES for short in self._recent)

    def restore(self, payloads: list[bytes]) -> None:
        """Take over values of earlier `changes`, in any order."""
        heads = [_HEAD.unpack_from(payload) for payload in payloads]
        number, pairs = next((head[1:] for head in heads if head[0] == _FILL), (0, 0))
        self._older, self._newer = _Filter(number - 1), _Filter(number, pairs)
        filters = {each.number: each for each in (self._older, self._newer)}
        for payload, (kind, of_filter, page) in zip(payloads, heads, strict=True):
            rest = payload[_PAGE_HEAD.size :]
            if kind == _BITS and of_filter in filters:
                filters[of_filter].pages[page] = int.from_bytes(rest, "big")
            elif kind == _MINUTES:
                self._recent.update(_RECENT.iter_unpack(rest))

    def _note(self, page: int, bits: int) -> None:
        newer = self._newer
        newer.pages[page] = newer.pages.get(page, 0) | bits
        newer.pairs += 1
        self._is_dirty = True
        self._dirty_pages.add((newer.number, page))
        if newer.pairs >= self._max_pairs:
            self._older, self._newer = newer, _Filter(newer.number + 1)
            self._settled.clear()

    def _remember(self, short: int, minute: int) -> None:
        self._recent[short] = minute
        self._dirty_recent.add(short % _RECENT_PAGES)
        if len(self._recent) > self._max_recent:
            by_age = sorted(self._recent, key=lambda each: (self._recent[each], each))
            for old in by_age[: len(by_age) // 2]:
                del self._recent[old]
                self._dirty_recent.add(old % _RECENT_PAGES)


def _bits(pair: int) -> int:
    """The bits of a pair in its page."""
    bits = 0
    for _ in range(_HASHES):
        bits |= 1 << (pair & _PAGE_BITS - 1)
        pair >>= _PLACE_BITS
    return bits
