"""How many different users or sessions there were lately: HyperLogLog sketches, united. Pure."""

from dataclasses import dataclass

from datasketches import hll_sketch, hll_union

from avro_schemas.live_aggregates import LG_REGISTERS


@dataclass(frozen=True, slots=True)
class _Held:
    source_offset: int
    sketch: bytes


class Actives:
    """Of each minute and partition the newest sketch."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[int, _Held]] = {}
        # A minute of all partitions together, as long as it does not change.
        self._united: dict[int, hll_sketch] = {}

    def put(self, start: int, partition: int, source_offset: int, sketch: bytes) -> None:
        """Take a sketch in; an older one than is there changes nothing."""
        minute = self._minutes.setdefault(start, {})
        held = minute.get(partition)
        if held is None or source_offset >= held.source_offset:
            minute[partition] = _Held(source_offset, sketch)
            self._united.pop(start, None)

    def forget_before(self, start: int) -> None:
        """Let go of the minutes that began earlier."""
        for old in [old for old in self._minutes if old < start]:
            del self._minutes[old]
            self._united.pop(old, None)

    def since(self, start: int) -> int:
        """About how many different ones there were in the minutes from `start` on."""
        union = hll_union(LG_REGISTERS)
        for minute in self._minutes:
            if minute >= start:
                union.update(self._unite(minute))
        return round(float(union.get_estimate()))

    def _unite(self, minute: int) -> hll_sketch:
        if minute not in self._united:
            union = hll_union(LG_REGISTERS)
            for held in self._minutes[minute].values():
                union.update(hll_sketch.deserialize(held.sketch))
            self._united[minute] = union.get_result()
        return self._united[minute]
