"""The ids of the last ten minutes, by which a repeated event is known.

A client that got no answer sends again: the same id, with the same key, lands in the same partition. The
first offset of an id counts, the others are duplicates. Ids are kept in chunks that are cut by count and
forgotten by the append times in the log, so what is remembered depends on the log alone.
"""

import struct
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

HORIZON_MS = 600_000
CHUNK_IDS = 512
# Bounds memory: at most 131,072 ids a partition, about 14 MB.
MAX_CHUNKS = 256

_HEAD = struct.Struct(">QQQ")


@dataclass(slots=True)
class _Chunk:
    number: int
    first: int
    last: int
    ids: "array[int]" = field(default_factory=lambda: array("Q"))


class IdHorizon:
    """Which ids were seen lately in one partition."""

    def __init__(self) -> None:
        self._chunks: deque[_Chunk] = deque()
        self._seen: set[int] = set()
        self._next = 0
        self._dirty: set[int] = set()

    def roll(self, now: int) -> None:
        """Forget what is older than the horizon. `now` never goes back."""
        while self._chunks and self._chunks[0].last < now - HORIZON_MS:
            self._drop_oldest()
            if not self._chunks:
                self._add_chunk(now)  # written, so that the numbers go on after a recovery

    def repeats(self, tails: Sequence[bytes], now: int) -> set[int]:
        """Places of the ids that were seen within the horizon; the others are remembered.

        `tails` are the last sixteen hex digits of the ids, of which all but two bits are random.
        """
        ids = struct.unpack(f">{len(tails)}Q", bytes.fromhex(b"".join(tails).decode()))
        again: set[int] = set()
        start = 0
        while start < len(ids):
            chunk = self._open_chunk(now)
            # Not more than it has room for: opening the next one may let go of the oldest.
            piece = ids[start : start + CHUNK_IDS - len(chunk.ids)]
            self._take(chunk, piece, now, start, again)
            start += len(piece)
        return again

    def reach(self, now: int) -> int:
        """How far back, in milliseconds, ids are remembered at least; the horizon if nothing was cut off."""
        if len(self._chunks) < MAX_CHUNKS:
            return HORIZON_MS
        return min(HORIZON_MS, now - self._chunks[0].first)

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """What to write since the last call: ring keys, so that old chunks are overwritten."""
        chunks = {chunk.number: chunk for chunk in self._chunks}
        for number in sorted(self._dirty & chunks.keys()):
            chunk = chunks[number]
            payload = _HEAD.pack(number, chunk.first, chunk.last) + _big_endian(chunk.ids)
            yield str(number % MAX_CHUNKS), payload
        self._dirty.clear()

    def change_all(self) -> None:
        """Write everything at the next call of `changes`."""
        self._dirty.update(chunk.number for chunk in self._chunks)

    def restore(self, payloads: list[bytes], now: int) -> None:
        """Take over what `changes` once gave, in any order."""
        chunks = []
        for payload in payloads:
            number, first, last = _HEAD.unpack_from(payload)
            chunks.append(_Chunk(number, first, last, _from_big_endian(payload[_HEAD.size :])))
        newest = max((chunk.number for chunk in chunks), default=-1)
        self._next = newest + 1
        for chunk in sorted(chunks, key=lambda chunk: chunk.number):
            # The ring may still hold a chunk that memory had let go, with an id that came again since.
            if chunk.number > newest - MAX_CHUNKS and chunk.last >= now - HORIZON_MS:
                self._chunks.append(chunk)
                self._seen.update(chunk.ids)

    def _take(self, chunk: _Chunk, ids: Sequence[int], now: int, start: int, again: set[int]) -> None:
        """Put ids into a chunk; the places of repeats, counted from `start`, into `again`."""
        if len(set(ids)) < len(ids) or not self._seen.isdisjoint(ids):
            fresh = []
            for place, short in enumerate(ids, start):
                if short in self._seen:
                    again.add(place)
                else:
                    self._seen.add(short)
                    fresh.append(short)
            ids = fresh
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
        self._chunks.append(_Chunk(self._next, now, now))
        self._dirty.add(self._next)
        self._next += 1

    def _drop_oldest(self) -> None:
        self._seen.difference_update(self._chunks.popleft().ids)


def _big_endian(ids: "array[int]") -> bytes:
    return struct.pack(f">{len(ids)}Q", *ids)


def _from_big_endian(payload: bytes) -> "array[int]":
    return array("Q", struct.unpack(f">{len(payload) // 8}Q", payload))
