"""The live aggregates of one partition: every dimension's windows, and the active users and sessions."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from avro_schemas.live_aggregates import ACTIVE_SESSIONS, ACTIVE_USERS, MINUTE_MS, SLOT_MS
from avro_schemas.wire.projection import Group
from stream_app.state.dimensions import (
    ALL,
    COLUMNS,
    COMMON,
    DUPLICATES,
    EVENTS,
    LATE,
    OWN,
    REJECTED,
    Dimension,
    Pace,
    namer,
)
from stream_app.state.event_reader import Row
from stream_app.state.unique_counts import Actives
from stream_app.state.windows import Counts, Partial, Windows

_NAMERS = {dimension.name: namer(dimension) for dimension in (*COMMON, *OWN)}
_OWN = {schema: [dimension for dimension in OWN if dimension.schema == schema] for schema in COLUMNS.own}
_SLOTS_A_MINUTE = MINUTE_MS // SLOT_MS


class LiveCounts:
    """What is counted of the events of one partition.

    Events are put down as they come and counted by `settle`: many at once are counted cheaply. What comes out is
    the same whenever that is.
    """

    def __init__(self) -> None:
        self._windows = {dimension.name: Windows(dimension) for dimension in ALL}
        self._actives = {name: Actives(name) for name in (ACTIVE_USERS, ACTIVE_SESSIONS)}
        # In the order of the log, which says what names a full window keeps.
        self._slots: dict[int, list[str]] = defaultdict(list)
        self._minutes: dict[int, list[Row]] = defaultdict(list)
        self._beside: dict[tuple[str, int], list[str]] = defaultdict(list)
        self.folds: Mapping[str, Windows | Actives] = {**self._windows, **self._actives}

    def counted(self, rows: Iterable[Row]) -> None:
        """Events, each of the windows of its moment."""
        slots, minutes = self._slots, self._minutes
        for row in rows:
            slot = row.moment // SLOT_MS
            slots[slot].append(row.event_type)
            minutes[slot // _SLOTS_A_MINUTE].append(row)

    def late(self, appended_at: int, event_type: str) -> None:
        """An event whose windows are over."""
        self._beside[LATE.name, appended_at // MINUTE_MS].append(event_type)

    def duplicate(self, appended_at: int, event_type: str) -> None:
        """An event that was there before."""
        self._beside[DUPLICATES.name, appended_at // MINUTE_MS].append(event_type)

    def rejected(self, appended_at: int, reason: str) -> None:
        """A record that is no event."""
        self._beside[REJECTED.name, appended_at // MINUTE_MS].append(reason)

    def settle(self) -> None:
        """Count what was put down."""
        for slot, names in self._slots.items():
            self._windows[EVENTS.name].add(slot * SLOT_MS, Counter(names))
        for minute, rows in self._minutes.items():
            self._settle_minute(minute, rows)
        for (dimension, minute), names in self._beside.items():
            self._windows[dimension].add(minute * MINUTE_MS, Counter(names))
        for put_down in (self._slots, self._minutes, self._beside):
            put_down.clear()

    def partials(self, pace: Pace) -> Iterator[Partial]:
        """The windows of this pace that changed since they were told."""
        for fold in self.folds.values():
            yield from fold.partials(pace)

    def newest_minute(self) -> Counts:
        """Events by type in the newest minute, as far as they are settled."""
        return self._windows[EVENTS.name].newest(MINUTE_MS)

    def restore(self, payloads: Mapping[str, list[bytes]]) -> None:
        """Take over what the folds once gave, by their names."""
        for name, fold in self.folds.items():
            fold.restore(payloads[name])

    def _settle_minute(self, minute: int, rows: Sequence[Row]) -> None:
        schemas, _types, _tails, _moments, keys, sessions, common, own = zip(*rows, strict=True)
        self._count(COMMON, minute, Counter(common))
        by_schema: dict[str, dict[Group, int]] = defaultdict(dict)
        for (schema, columns), count in Counter(zip(schemas, own, strict=True)).items():
            by_schema[schema][columns] = count
        for schema, counted in by_schema.items():
            self._count(_OWN.get(schema, ()), minute, counted)
        self._actives[ACTIVE_USERS].add(minute, _different(keys))
        self._actives[ACTIVE_SESSIONS].add(minute, _different(sessions))

    def _count(self, dimensions: Iterable[Dimension], minute: int, counted: Mapping[Group, int]) -> None:
        for dimension in dimensions:
            if named := _by_name(_NAMERS[dimension.name], counted):
                self._windows[dimension.name].add(minute * MINUTE_MS, named)


def _by_name(name_of: Callable[[Group], str | None], counted: Mapping[Group, int]) -> dict[str, int]:
    """How often each name occurs, the first to occur first."""
    named: dict[str, int] = {}
    for values, count in counted.items():
        if (name := name_of(values)) is not None:
            named[name] = named.get(name, 0) + count
    return named


def _different(keys: Sequence[bytes | None]) -> list[bytes]:
    return [key for key in dict.fromkeys(keys) if key is not None]
