"""The fresh ids of the last five minutes, by which a repeated event is recognized.

A client that got no answer sends again: the same id, with the same key, lands in the same partition. The first
offset of an id counts, the others are duplicates. Only fresh ids (`avro_schemas/wire/freshness.py`) are here:
whether others are repeats is for the sinks to say. Ids are stored in chunks that are cut by count and dropped by
the append times in the log, so what the window holds depends on the log alone.
"""

import struct
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

DEDUP_MS = 300_000
CHUNK_IDS = 512
# Bounds memory: at most 131,072 ids per partition, about 14 MB: five minutes of 437 events per second.
MAX_CHUNKS = 256

_HEAD = struct.Struct(">QQQ")


@dataclass(slots=True)
class _Chunk:
    number: int
    # Times of its first and its last id.
    first: int
    last: int
    ids: "array[int]" = field(default_factory=lambda: array("Q"))


class DedupWindow:
    """Which ids came lately in one partition."""

    def __init__(self) -> None:
        # Consecutive numbers, oldest first; all but the last are full.
        self._chunks: deque[_Chunk] = deque()
        # The ids of all chunks; each id is in one chunk only.
        self._seen: set[int] = set()
        # Never goes back, not even after a recovery: the newest chunk tells which older ones in the ring are
        # stale.
        self._next_number = 0
        self._dirty: set[int] = set()

    def advance(self, now: int) -> None:
        """Drop the chunks that have left the window."""
        while self._chunks and self._chunks[0].last < now - DEDUP_MS:
            self._drop_oldest()
            if not self._chunks:
                self._add_chunk(now)  # so that its number is written, and numbers go on after a recovery

    def repeats(self, id_tails: Sequence[bytes], now: int) -> set[int]:
        """Places of the ids that are in the window already; the others are added.

        `id_tails` are the last sixteen hex digits of the ids, of which all but two bits are random.
        """
        ids = struct.unpack(f">{len(id_tails)}Q", bytes.fromhex(b"".join(id_tails).decode()))
        repeated: set[int] = set()
        start = 0
        while start < len(ids):
            chunk = self._open_chunk(now)
            # Not more than the chunk has room for: the next chunk may push out the oldest, whose ids are then new.
            piece = ids[start : start + CHUNK_IDS - len(chunk.ids)]
            self._add(chunk, piece, now, start, repeated)
            start += len(piece)
        return repeated

    def coverage_ms(self, now: int) -> int:
        """How far back all ids are known; less than the window if there were more ids than memory for them."""
        if len(self._chunks) < MAX_CHUNKS:
            return DEDUP_MS
        return min(DEDUP_MS, now - self._chunks[0].first)

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """Values to write to the changelog since the last call, by their place in the ring."""
        chunks = {chunk.number: chunk for chunk in self._chunks}
        for number in sorted(self._dirty & chunks.keys()):
            chunk = chunks[number]
            payload = _HEAD.pack(number, chunk.first, chunk.last) + _big_endian(chunk.ids)
            yield str(number % MAX_CHUNKS), payload
        self._dirty.clear()

    def mark_all_dirty(self) -> None:
        """Write everything at the next call of `changes`."""
        self._dirty.update(chunk.number for chunk in self._chunks)

    @property
    def first_number(self) -> int:
        """The number of the oldest chunk: older ones in the changelog were dropped."""
        return self._chunks[0].number if self._chunks else self._next_number

    def restore(self, payloads: list[bytes], first_number: int) -> None:
        """Take over values of earlier `changes`, in any order, from that chunk on."""
        chunks = []
        for payload in payloads:
            number, first, last = _HEAD.unpack_from(payload)
            chunks.append(_Chunk(number, first, last, _from_big_endian(payload[_HEAD.size :])))
        newest = max((chunk.number for chunk in chunks), default=-1)
        self._next_number = newest + 1
        for chunk in sorted(chunks, key=lambda chunk: chunk.number):
            # The ring may still hold a chunk that memory had dropped, with an id that was added again since: with
            # both chunks, dropping the older one would take that id out of `_seen` while the newer one holds it.
            if chunk.number >= first_number:
                self._chunks.append(chunk)
                self._seen.update(chunk.ids)

    def _add(self, chunk: _Chunk, ids: Sequence[int], now: int, start: int, repeated: set[int]) -> None:
        """Add new ids to a chunk, and the places of repeats, counted from `start`, to `repeated`."""
        if len(set(ids)) < len(ids) or not self._seen.isdisjoint(ids):
            new = []
            for place, short in enumerate(ids, start):
                if short in self._seen:
                    repeated.add(place)
                else:
                    self._seen.add(short)
                    new.append(short)
            ids = new
        if ids:
            self._seen.update(ids)
            chunk.ids.extend(ids)
            chunk.last = now
            self._dirty.add(chunk.number)

    def _open_chunk(self, now: int) -> _Chunk:
        if not self._chunks or len(self._chunks[-1].ids) >= CHUNK_IDS:
            self._add_chunk(now)
            if len(self._chunks) > MAX_CHUNKS:
                self._drop_oldest()
        return self._chunks[-1]

    def _add_chunk(self, now: int) -> None:
        self._chunks.append(_Chunk(self._next_number, now, now))
        self._dirty.add(self._next_number)
        self._next_number += 1

    def _drop_oldest(self) -> None:
        self._seen.difference_update(self._chunks.popleft().ids)


def _big_endian(ids: "array[int]") -> bytes:
    return struct.pack(f">{len(ids)}Q", *ids)


def _from_big_endian(payload: bytes) -> "array[int]":
    return array("Q", struct.unpack(f">{len(payload) // 8}Q", payload))
