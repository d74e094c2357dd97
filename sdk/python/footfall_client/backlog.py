"""The events that wait, as chunks, oldest first, in bounded space. Not locked: its owner is."""

import bisect
import contextlib

from footfall_client.chunks import Chunk, MemoryChunk, Store


class Backlog:
    """Chunks of at most `batch_events` events and `batch_bytes` bytes. Over `max_bytes` the oldest are dropped."""

    def __init__(self, store: Store, *, max_bytes: int, batch_events: int, batch_bytes: int) -> None:
        self._store, self._max_bytes = store, max_bytes
        self._batch_events, self._batch_bytes = batch_events, batch_bytes
        # Sealed ones that may be sent, those that have to wait by the time until then, and the one that grows.
        self._ready: list[Chunk] = []
        self._later: list[Chunk] = []
        self._open: Chunk | None = None
        self._sending: Chunk | None = None
        self.events = self.bytes = 0
        # The last error of the disk. Events are in memory meanwhile.
        self.disk_error = ""

    def append(self, line: bytes) -> int:
        """Add an event; how many had to be dropped for it."""
        dropped = self._make_room(len(line) + 1)
        if self._open and self._is_full(self._open, len(line) + 1):
            self._seal()
        self._append(line)
        self.events += 1
        self.bytes += len(line) + 1
        return dropped

    def add(self, chunk: Chunk) -> None:
        """Take over what another process left."""
        self._ready.append(chunk)
        self.events += chunk.events
        self.bytes += chunk.size

    @property
    def room(self) -> int:
        """How many bytes may still come."""
        return self._max_bytes - self.bytes

    def take(self, now: float, wait: float) -> Chunk | None:
        """The next chunk to send: a full one, or one whose first event has waited for so many seconds."""
        if self._later and self._later[0].ready_at <= now:
            self._sending = self._later.pop(0)
        elif self._ready:
            self._sending = self._ready.pop(0)
        elif self._open and (now - self._open.opened_at >= wait or self._is_full(self._open, 0)):
            self._seal()
            self._sending = self._ready.pop(0)
        else:
            self._sending = None
        return self._sending

    def next_at(self, wait: float) -> float | None:
        """When `take` will have one; None if there is nothing."""
        moments = [chunk.ready_at for chunk in self._later[:1]]
        if self._ready:
            moments.append(0.0)
        if self._open:
            moments.append(0.0 if self._is_full(self._open, 0) else self._open.opened_at + wait)
        return min(moments, default=None)

    @property
    def has_full(self) -> bool:
        """Whether a request is full."""
        return bool(self._ready) or (self._open is not None and self._is_full(self._open, 0))

    def done(self, chunk: Chunk) -> None:
        """All events of a chunk that was taken are done."""
        self._sending = None
        self.events -= chunk.events
        self.bytes -= chunk.size
        with contextlib.suppress(OSError):  # then a later process sends it again, and the ids show it
            chunk.remove()

    def put_back(self, chunk: Chunk, ready_at: float = 0.0) -> None:
        """A chunk that was taken is to be sent again: now, or later and behind the others."""
        self._sending = None
        chunk.ready_at = ready_at
        if ready_at:
            bisect.insort(self._later, chunk, key=lambda each: each.ready_at)
        else:
            self._ready.insert(0, chunk)

    def replace(self, chunk: Chunk, parts: list[tuple[list[bytes], float]]) -> None:
        """Only these lines of a chunk that was taken are to be sent again, at these times."""
        for lines, ready_at in parts:
            part = self._filled(lines)
            part.opened_at, part.failures, part.successes = chunk.opened_at, chunk.failures, chunk.successes
            self.events += part.events
            self.bytes += part.size
            self.put_back(part, ready_at)
        self.done(chunk)

    def forget(self) -> None:
        """Leave everything to the parent of this process."""
        if self._open is not None:
            with contextlib.suppress(OSError):
                self._open.seal()

    def abandon(self) -> int:
        """Leave what waits to whoever comes; how many events nobody will find, as they are in memory."""
        waiting = [*self._ready, *self._later, *filter(None, (self._open, self._sending))]
        for chunk in waiting:
            chunk.seal()
        self._store.close()
        lost = sum(chunk.events for chunk in waiting if isinstance(chunk, MemoryChunk))
        self.events -= lost
        return lost

    def _append(self, line: bytes) -> None:
        try:
            if self._open is None:
                self._open = self._store.new()
            self._open.append(line)
        except OSError as error:
            self.disk_error = str(error)
            if self._open is not None:
                self._seal() if self._open.events else self._open.remove()
            self._open = MemoryChunk()
            self._open.append(line)

    def _filled(self, lines: list[bytes]) -> Chunk:
        try:
            chunk = self._store.new()
            for line in lines:
                chunk.append(line)
        except OSError as error:
            self.disk_error = str(error)
            chunk = MemoryChunk()
            for line in lines:
                chunk.append(line)
        chunk.seal()
        return chunk

    def _seal(self) -> None:
        if self._open is not None:
            self._open.seal()
            self._ready.append(self._open)
            self._open = None

    def _is_full(self, chunk: Chunk, more: int) -> bool:
        return chunk.events >= self._batch_events or chunk.size + more > self._batch_bytes

    def _make_room(self, size: int) -> int:
        """Drop the oldest chunks until there is room. The one that is being sent stays."""
        dropped = 0
        while self.bytes + size > self._max_bytes:
            if not self._ready and not self._later:
                if self._open is None:
                    break
                self._seal()
            oldest = (self._ready or self._later).pop(0)
            dropped += oldest.events
            sending, self._sending = self._sending, None
            self.done(oldest)
            self._sending = sending
        return dropped
