"""How many different users and visitors there were in each minute, as sketches that can be united.

Their union over minutes and partitions counts a key once that is in several of them.
"""

from collections.abc import Collection

from avro_schemas.key_sketch import KeySketch
from stream_app.state.minute_ring import MinuteRing
from stream_app.state.top_names import Counts


class UniqueCounts(MinuteRing[KeySketch]):
    """The different keys of one kind, by minute, in one partition."""

    def add(self, minute: int, keys: Collection[bytes]) -> None:
        """Add keys."""
        if self.reach(minute) and keys:
            self.changed(minute).add(keys)

    def _new(self) -> KeySketch:
        return KeySketch()

    def _pack(self, value: KeySketch) -> bytes:
        return value.to_bytes()

    def _unpack(self, packed: bytes) -> KeySketch:
        return KeySketch.from_bytes(packed)

    def _counts(self, value: KeySketch) -> Counts:
        return {"estimate": round(value.estimate())}
