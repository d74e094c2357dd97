"""How many different users and sessions there were in each minute, as sketches that can be united.

HyperLogLog by Apache DataSketches, which reads them in Java, C++ and Python: unite the minutes and the partitions.
"""

from collections.abc import Iterable, Iterator

from datasketches import hll_sketch, tgt_hll_type

from avro_schemas.live_aggregates import LG_REGISTERS, MINUTE_MS
from stream_app.state.dimensions import Pace
from stream_app.state.windows import Partial

# Half an hour is asked for; the rest is for events that come late.
KEPT_MINUTES = 64


class Actives:
    """The different keys of one kind, by minute, in one partition."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._minutes: dict[int, hll_sketch] = {}
        self._newest = 0
        self._dirty: set[int] = set()
        self._untold: set[int] = set()

    def add(self, minute: int, keys: Iterable[bytes]) -> None:
        """Take different keys in, in the order of the log: the sketch remembers it."""
        if minute > self._newest:
            self._move_to(minute)
        sketch = self._minutes.get(minute)
        if sketch is None:
            sketch = self._minutes[minute] = hll_sketch(LG_REGISTERS, tgt_hll_type.HLL_4)
        for key in keys:
            sketch.update(key.hex())
        self._dirty.add(minute)
        self._untold.add(minute)

    def partials(self, pace: Pace) -> Iterator[Partial]:
        """The minutes that changed since they were told, or were let go."""
        if pace < Pace.SOON:
            return
        for minute in sorted(self._untold):
            sketch = self._minutes.get(minute)
            if sketch is None:
                yield Partial(self._name, MINUTE_MS, minute * MINUTE_MS, None)
            else:
                about = {"about": round(sketch.get_estimate())}
                yield Partial(self._name, MINUTE_MS, minute * MINUTE_MS, about, sketch.serialize_compact())
        self._untold.clear()

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """What to write since the last call, by ring key."""
        for minute in sorted(self._dirty & self._minutes.keys()):
            payload = minute.to_bytes(8, "big") + self._minutes[minute].serialize_compact()
            yield str(minute % KEPT_MINUTES), payload
        self._dirty.clear()

    def change_all(self) -> None:
        """Write and tell everything at the next calls of `changes` and `partials`."""
        self._dirty.update(self._minutes)
        self._untold.update(self._minutes)

    def restore(self, payloads: list[bytes]) -> None:
        """Take over what `changes` once gave, in any order."""
        self._minutes = {
            int.from_bytes(payload[:8], "big"): hll_sketch.deserialize(payload[8:]) for payload in payloads
        }
        self._move_to(max(self._minutes, default=0))
        self._untold.clear()

    def _move_to(self, minute: int) -> None:
        self._newest = minute
        for old in [old for old in self._minutes if old <= minute - KEPT_MINUTES]:
            del self._minutes[old]
            self._untold.add(old)
