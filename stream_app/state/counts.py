"""The live aggregates of one partition: the windows of every dimension, and the unique users and sessions."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import compress

from avro_schemas.live_aggregates import ACTIVE_SESSIONS, ACTIVE_USERS, MINUTE_MS, OTHER, PROGRAM, SLOT_MS
from avro_schemas.wire.projection import Group
from stream_app.state.dimensions import (
    DUPLICATES,
    EVENTS,
    LATE,
    REJECTED,
    Dimension,
    Dimensions,
    EmitEvery,
)
from stream_app.state.event_reader import CountedEvent
from stream_app.state.top_names import Counts
from stream_app.state.unique_counts import UniqueCounts
from stream_app.state.windows import Partial, Windows

log = logging.getLogger(__name__)

_SLOTS_PER_MINUTE = MINUTE_MS // SLOT_MS
# Where the records of an outcome are counted that are not in `events`.
_DIMENSION_OF = {"late": LATE.name, "duplicate": DUPLICATES.name, "rejected": REJECTED.name}


class LiveCounts:
    """What is counted of the events of one partition.

    Events are collected as they come and counted by `count_pending`: counting many together is cheap. The result
    is the same whenever that happens.
    """

    def __init__(self, dimensions: Dimensions) -> None:
        self._dimensions = dimensions
        self._namers = dimensions.namers
        self._windows = {dimension.name: Windows(dimension) for dimension in dimensions.all}
        self._uniques = {name: UniqueCounts(name) for name in (ACTIVE_USERS, ACTIVE_SESSIONS)}
        # Not counted yet: event types by slot, events by minute, and types or reasons by dimension and minute. All
        # in the order of the log, as that decides which names a full window has.
        self._pending_slots: dict[int, list[str]] = defaultdict(list)
        self._pending_minutes: dict[int, list[CountedEvent]] = defaultdict(list)
        self._pending_names: dict[tuple[str, int], list[str]] = defaultdict(list)
        # Events that count as `*` because their name could not be made, by dimension. Not state: for metrics only.
        self.naming_errors: Counter[str] = Counter()
        self.parts: Mapping[str, Windows | UniqueCounts] = {**self._windows, **self._uniques}

    def add(self, events: Iterable[CountedEvent]) -> None:
        """Events whose windows are open."""
        slots, minutes = self._pending_slots, self._pending_minutes
        for event in events:
            slot = event.moment // SLOT_MS
            slots[slot].append(event.event_type)
            minutes[slot // _SLOTS_PER_MINUTE].append(event)

    def add_late(self, appended_at: int, event_type: str) -> None:
        """An event whose windows are over."""
        self._pending_names[LATE.name, appended_at // MINUTE_MS].append(event_type)

    def add_duplicate(self, appended_at: int, event_type: str) -> None:
        """An event whose id came before."""
        self._pending_names[DUPLICATES.name, appended_at // MINUTE_MS].append(event_type)

    def add_rejected(self, appended_at: int, reason: str) -> None:
        """A record that is not an event."""
        self._pending_names[REJECTED.name, appended_at // MINUTE_MS].append(reason)

    def change_outcome(self, appended_at: int, event_type: str, reason: str, before: str, after: str) -> None:
        """A record of that minute has another outcome than it was counted with. Nothing of it may be pending."""
        names = {LATE.name: event_type, DUPLICATES.name: event_type, REJECTED.name: reason}
        if dimension := _DIMENSION_OF.get(before):
            self._windows[dimension].take_back(appended_at, names[dimension])
        if dimension := _DIMENSION_OF.get(after):
            self._pending_names[dimension, appended_at // MINUTE_MS].append(names[dimension])

    def take_back(self, event: CountedEvent) -> None:
        """Take an event out of its windows; nothing of it may be pending. Unique users and sessions stay."""
        self._windows[EVENTS.name].take_back(event.moment, event.event_type)
        self._take_names_back(self._dimensions.common, event.moment, event.common)
        of_schema = self._dimensions.by_schema.get(event.schema, ())
        for together, columns in zip(of_schema, event.own, strict=True):
            self._take_names_back(together, event.moment, columns)

    def _take_names_back(self, dimensions: Iterable[Dimension], moment: int, columns: Group) -> None:
        for dimension in dimensions:
            for name in self._names_in_order(dimension, (columns,)):
                self._windows[dimension.name].take_back(moment, name)

    def count_pending(self) -> None:
        """Count everything that was added."""
        for slot, names in self._pending_slots.items():
            self._windows[EVENTS.name].add(slot * SLOT_MS, Counter(names), names.copy)
        for minute, events in self._pending_minutes.items():
            self._count_minute(minute, events)
        for (dimension, minute), names in self._pending_names.items():
            self._windows[dimension].add(minute * MINUTE_MS, Counter(names), names.copy)
        for pending in (self._pending_slots, self._pending_minutes, self._pending_names):
            pending.clear()

    def partials(self, due: EmitEvery) -> Iterator[Partial]:
        """The windows that changed since they were emitted, of those that are due."""
        for part in self.parts.values():
            yield from part.partials(due)

    @property
    def is_pending(self) -> bool:
        """Whether there is anything to count or to emit."""
        pending = (self._pending_slots, self._pending_minutes, self._pending_names)
        return any(pending) or any(part.is_pending for part in self.parts.values())

    def go_back(self, latest: int) -> None:
        """The clock was wrong: drop the windows that begin after `latest`."""
        self.count_pending()
        for part in self.parts.values():
            part.go_back(latest)

    def newest_minute(self) -> Counts:
        """Events by type in the newest minute, without pending ones."""
        return self._windows[EVENTS.name].newest(MINUTE_MS)

    def restore(self, payloads: Mapping[str, list[bytes]]) -> None:
        """Take over earlier values of the parts, by their names."""
        for name, part in self.parts.items():
            part.restore(payloads[name])

    def _count_minute(self, minute: int, events: Sequence[CountedEvent]) -> None:
        schemas, _types, _id_tails, _fresh, _moments, _received, keys, sessions, common, own = zip(
            *events, strict=True
        )
        self._count_names(self._dimensions.common, minute, common)
        by_schema: dict[str, list[tuple[Group, ...]]] = defaultdict(list)
        for schema, groups in zip(schemas, own, strict=True):
            by_schema[schema].append(groups)
        for schema, events_groups in by_schema.items():
            dimensions = self._dimensions.by_schema.get(schema, ())
            for together, columns in zip(dimensions, zip(*events_groups, strict=True), strict=True):
                self._count_names(together, minute, columns)
        are_people = [kind != PROGRAM for kind in map(self._dimensions.kind, common)]
        self._uniques[ACTIVE_USERS].add(minute, _unique(compress(keys, are_people)))
        self._uniques[ACTIVE_SESSIONS].add(minute, _unique(compress(sessions, are_people)))

    def _count_names(self, dimensions: Iterable[Dimension], minute: int, columns: Sequence[Group]) -> None:
        counted = Counter(columns)
        for dimension in dimensions:
            if by_name := self._by_name(dimension, counted):
                in_order = partial(self._names_in_order, dimension, columns)
                self._windows[dimension.name].add(minute * MINUTE_MS, by_name, in_order)

    def _by_name(self, dimension: Dimension, counted: Mapping[Group, int]) -> dict[str, int]:
        """How often each name occurs, in the order of their first occurrence."""
        name_of = self._namers[dimension.name]
        by_name: dict[str, int] = {}
        for columns, count in counted.items():
            try:
                name = name_of(columns)
            except Exception:
                # It must not end the checkpoint: the same record would end every later one, whoever reads it. As
                # the name depends on the columns alone, every replay counts it in the same way.
                log.exception("an event has no name in %s and counts as %s there", dimension.name, OTHER)
                self.naming_errors[dimension.name] += count
                name = OTHER
            if name is not None:
                by_name[name] = by_name.get(name, 0) + count
        return by_name

    def _names_in_order(self, dimension: Dimension, columns: Iterable[Group]) -> Iterator[str]:
        """The name of every event that has one."""
        name_of, names = self._namers[dimension.name], dict[Group, str | None]()
        for group in columns:
            if group not in names:
                try:
                    names[group] = name_of(group)
                except Exception:  # `_by_name` has logged it
                    names[group] = OTHER
            name = names[group]
            if name is not None:
                yield name


def _unique(keys: Iterable[bytes | None]) -> list[bytes]:
    return [key for key in dict.fromkeys(keys) if key is not None]
