"""The live aggregates of one partition: every dimension's windows, and the active users and sessions."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from avro_schemas.events import Row
from avro_schemas.projection import Group
from stream_app.actives import Actives
from stream_app.dimensions import (
    ALL,
    COLUMNS,
    COMMON,
    DUPLICATES,
    EVENTS,
    LATE,
    MINUTE_MS,
    OWN,
    REJECTED,
    SLOT_MS,
    Dimension,
    Pace,
    namer,
)
from stream_app.pending import Minute, Pending
from stream_app.windows import Counts, Partial, Windows

USERS, SESSIONS = "active_users", "active_sessions"
_NAMERS = {dimension.name: namer(dimension) for dimension in (*COMMON, *OWN)}
_OWN = {schema: [dimension for dimension in OWN if dimension.schema == schema] for schema in COLUMNS.own}


class LiveCounts:
    """What is counted of the events of one partition.

    Events are put down as they come and counted by `settle`; what comes out is the same whenever that is.
    """

    def __init__(self) -> None:
        self._windows = {dimension.name: Windows(dimension) for dimension in ALL}
        self._actives = {name: Actives(name) for name in (USERS, SESSIONS)}
        self._pending = Pending()
        self._beside: dict[tuple[Dimension, int], list[str]] = {}
        self.folds: Mapping[str, Windows | Actives] = {**self._windows, **self._actives}

    def counted(self, moment: int, key: bytes | None, row: Row) -> None:
        """An event of the windows of `moment` (milliseconds since 1970)."""
        self._pending.add(moment, key, row)

    def late(self, appended_at: int, event_type: str) -> None:
        """An event whose windows are over."""
        self._put_beside(LATE, appended_at, event_type)

    def duplicate(self, appended_at: int, event_type: str) -> None:
        """An event that was there before."""
        self._put_beside(DUPLICATES, appended_at, event_type)

    def rejected(self, appended_at: int, reason: str) -> None:
        """A record that is no event."""
        self._put_beside(REJECTED, appended_at, reason)

    def settle(self) -> None:
        """Count what was put down."""
        for slot, names in self._pending.slots.items():
            self._windows[EVENTS.name].add(slot * SLOT_MS, Counter(names))
        for minute, events in self._pending.minutes.items():
            self._settle_minute(minute, events)
        for (dimension, minute), names in self._beside.items():
            self._windows[dimension.name].add(minute * MINUTE_MS, Counter(names))
        self._pending = Pending()
        self._beside.clear()

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

    def _put_beside(self, dimension: Dimension, appended_at: int, name: str) -> None:
        self._beside.setdefault((dimension, appended_at // MINUTE_MS), []).append(name)

    def _settle_minute(self, minute: int, events: Minute) -> None:
        self._count(COMMON, minute, events.common)
        for schema, rows in events.own.items():
            self._count(_OWN[schema], minute, rows)
        self._actives[USERS].add(minute, _different(events.keys))
        self._actives[SESSIONS].add(minute, _different(events.sessions))

    def _count(self, dimensions: Iterable[Dimension], minute: int, rows: Sequence[Group]) -> None:
        counted = Counter(rows)  # few differ, where there are many
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
