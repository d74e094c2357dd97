"""The live aggregates of one partition: the windows of every dimension, and who was there."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, compress

from avro_schemas.live_aggregates import (
    ACTIVE_USERS,
    ACTIVE_VISITORS,
    MINUTE_MS,
    OTHER,
    PROGRAM,
    SIGNED_IN_VISITORS,
    SKETCHED,
    SLOT_MS,
)
from avro_schemas.people_now import PEOPLE_NOW
from avro_schemas.wire.projection import Group
from stream_app.state.dimensions import (
    DUPLICATES,
    EVENTS,
    FIRST,
    LATE,
    PAGE_VIEW,
    REJECTED,
    Dimension,
    Dimensions,
    EmitEvery,
    Named,
)
from stream_app.state.event_reader import CountedEvent
from stream_app.state.first_uses import FirstUses
from stream_app.state.people_now import Keys, PeopleNow
from stream_app.state.top_names import Counts
from stream_app.state.unique_counts import UniqueCounts
from stream_app.state.windows import Partial, Windows

log = logging.getLogger(__name__)

_SLOTS_PER_MINUTE = MINUTE_MS // SLOT_MS
# Where the records of an outcome are counted that are not in `events`.
_DIMENSION_OF = {"late": LATE.name, "duplicate": DUPLICATES.name, "rejected": REJECTED.name}


class _Kind:
    """People or programs: their windows by dimension, and their events that are not counted yet.

    Event types by slot and events by minute are in the order of the log, as that decides which names a full window
    has.
    """

    def __init__(self, windows: Mapping[str, Windows]) -> None:
        self.windows = windows
        self.slots: dict[int, list[str]] = defaultdict(list)
        self.minutes: dict[int, list[CountedEvent]] = defaultdict(list)


class LiveCounts:
    """What is counted of the events of one partition.

    Events are collected as they come and counted by `count_pending`: counting many together is cheap. The result
    is the same whenever that happens.
    """

    def __init__(self, dimensions: Dimensions) -> None:
        self._dimensions = dimensions
        self._namers = dimensions.namers
        counted = (*dimensions.all, *dimensions.twins)
        self._windows = {dimension.name: Windows(dimension) for dimension in counted}
        self._uniques = {name: UniqueCounts(name) for name in SKETCHED}
        self._people = _Kind({dimension.name: self._windows[dimension.name] for dimension in dimensions.all})
        self._programs = _Kind(
            {dimension.name: self._windows[dimension.twin.name] for dimension in (EVENTS, *dimensions.chosen)}
        )
        self._kind_of = dimensions.kind
        # Not counted yet, besides events: types or reasons by dimension and minute, in the order of the log.
        self._pending_names: dict[tuple[str, int], list[str]] = defaultdict(list)
        # Uses of features that are not counted yet, in the order of the log.
        self._uses: list[CountedEvent] = []
        self.first_uses = FirstUses()
        # Events that count as `*` because their name could not be made, by dimension. Not state: for metrics only.
        self.naming_errors: Counter[str] = Counter()
        self._people_now = PeopleNow(dimensions.release, dimensions.of_view)
        self.parts: Mapping[str, Windows | UniqueCounts | PeopleNow] = {
            **self._windows,
            **self._uniques,
            PEOPLE_NOW: self._people_now,
        }

    def add(self, events: Iterable[CountedEvent]) -> None:
        """Events whose windows are open."""
        people, programs, kind_of = self._people, self._programs, self._kind_of
        for event in events:
            kind = programs if kind_of(event.common) == PROGRAM else people
            slot = event.moment // SLOT_MS
            kind.slots[slot].append(event.event_type)
            kind.minutes[slot // _SLOTS_PER_MINUTE].append(event)

    def use(self, events: Iterable[CountedEvent]) -> None:
        """Events that may be somebody's first use of a feature; with a moment before 1970 if they are late."""
        of_features = self._dimensions.of_features
        self._uses += [event for event in events if event.schema in of_features]

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
        """Take an event out of its windows; nothing of it may be pending. Sketches stay as they are."""
        windows = (self._programs if self._kind_of(event.common) == PROGRAM else self._people).windows
        windows[EVENTS.name].take_back(event.moment, event.event_type)
        self._take_names_back(windows, self._dimensions.common, event.moment, event.common)
        of_schema, own = self._dimensions.by_schema.get(event.schema, ()), event.own
        if event.schema in self._dimensions.of_type:
            own = _with_type(event.event_type, own)
        for together, columns in zip(of_schema, own, strict=True):
            self._take_names_back(windows, together, event.moment, columns)

    def _take_names_back(
        self, windows: Mapping[str, Windows], dimensions: Iterable[Dimension], moment: int, columns: Group
    ) -> None:
        for dimension in dimensions:
            for name in self._names(dimension, {columns: 1})[columns]:
                windows[dimension.name].take_back(moment, name)

    def count_pending(self) -> None:
        """Count everything that was added."""
        for kind in (self._people, self._programs):
            for slot, names in kind.slots.items():
                kind.windows[EVENTS.name].add(slot * SLOT_MS, Counter(names), names.copy)
            for minute, events in kind.minutes.items():
                self._count_minute(kind, minute, events)
            kind.slots.clear()
            kind.minutes.clear()
        for (dimension, minute), names in self._pending_names.items():
            self._windows[dimension].add(minute * MINUTE_MS, Counter(names), names.copy)
        self._pending_names.clear()
        self._count_first_uses()

    def partials(self, due: EmitEvery) -> Iterator[Partial]:
        """The windows that changed since they were emitted, of those that are due."""
        for part in self.parts.values():
            yield from part.partials(due)

    @property
    def is_pending(self) -> bool:
        """Whether there is anything to count or to emit."""
        pending = (self._people.minutes, self._programs.minutes, self._pending_names, self._uses)
        return any(pending) or any(part.is_pending for part in self.parts.values())

    def go_back(self, latest: int) -> None:
        """The clock was wrong: drop the windows that begin after `latest`."""
        self.count_pending()
        for part in self.parts.values():
            part.go_back(latest)

    def newest_minute(self) -> Counts:
        """Events of people by type in the newest minute, without pending ones."""
        return self._windows[EVENTS.name].newest(MINUTE_MS)

    def restore(self, payloads: Mapping[str, list[bytes]]) -> None:
        """Take over earlier values of the parts, by their names."""
        for name, part in self.parts.items():
            part.restore(payloads[name])

    def _count_minute(self, kind: _Kind, minute: int, events: Sequence[CountedEvent]) -> None:
        schemas, types, _id_tails, _fresh, moments, _received, _keys, users, visitors, common, own = zip(
            *events, strict=True
        )
        windows = kind.windows
        if kind is self._people:
            keys = list(zip(users, visitors, strict=True))
            self._count_people(minute, dict.fromkeys(keys))
            views = compress(zip(moments, keys, common, own, strict=True), map(PAGE_VIEW.__eq__, schemas))
            self._people_now.add(minute, list(zip(moments, keys, common, strict=True)), views)
        self._count_names(windows, self._dimensions.common, minute, common)
        by_schema: dict[str, list[tuple[Group, ...]]] = defaultdict(list)
        of_type = self._dimensions.of_type
        for schema, event_type, groups in zip(schemas, types, own, strict=True):
            by_schema[schema].append(_with_type(event_type, groups) if schema in of_type else groups)
        for schema, events_groups in by_schema.items():
            dimensions = self._dimensions.by_schema.get(schema, ())
            for together, columns in zip(dimensions, zip(*events_groups, strict=True), strict=True):
                self._count_names(windows, together, minute, columns)

    def _count_people(self, minute: int, people: Iterable[Keys]) -> None:
        """The different people who sent events."""
        found: dict[str, dict[bytes, None]] = {name: {} for name in SKETCHED}
        users, signed_in, others = (found[name] for name in (ACTIVE_USERS, SIGNED_IN_VISITORS, ACTIVE_VISITORS))
        for user, visitor in people:
            if user:
                users[user] = None
            if visitor:
                (signed_in if user else others)[visitor] = None
        for name, each in found.items():
            self._uniques[name].add(minute, each)

    def _count_first_uses(self) -> None:
        """In the order of the log, as it decides which uses are forgotten."""
        features: dict[tuple[str, Group], Sequence[str]] = {}
        first: dict[int, list[str]] = defaultdict(list)
        for event in self._uses:
            person, minute = event.user or event.visitor, event.moment // MINUTE_MS
            if not person or self._kind_of(event.common) == PROGRAM:
                continue
            dimension, place = self._dimensions.of_features[event.schema]
            use = event.schema, (event.event_type, *event.own[place])
            if self.first_uses.is_settled(person, use, minute):
                continue
            if use not in features:
                features[use] = self._names(dimension, {use[1]: 1})[use[1]]
            for name, moved in self.first_uses.use_all(person, use, features[use], minute):
                if moved.out_of is not None:
                    self._add_first_uses(first)
                    self._windows[FIRST.name].take_back(moved.out_of * MINUTE_MS, name)
                if moved.to is not None:
                    first[moved.to].append(name)
        self._add_first_uses(first)
        self._uses.clear()

    def _add_first_uses(self, by_minute: dict[int, list[str]]) -> None:
        for minute, names in by_minute.items():
            self._windows[FIRST.name].add(minute * MINUTE_MS, Counter(names), names.copy)
        by_minute.clear()

    def _count_names(
        self,
        windows: Mapping[str, Windows],
        dimensions: Iterable[Dimension],
        minute: int,
        columns: Sequence[Group],
    ) -> None:
        counted = Counter(columns)
        for dimension in dimensions:
            names = self._names(dimension, counted)
            by_name: dict[str, int] = {}
            for group, count in counted.items():
                for name in names[group]:
                    by_name[name] = by_name.get(name, 0) + count
            if by_name:
                in_order = partial(_in_order, names, columns)
                windows[dimension.name].add(minute * MINUTE_MS, by_name, in_order)

    def _names(self, dimension: Dimension, counted: Mapping[Group, int]) -> dict[Group, Sequence[str]]:
        """The names of each of these events, in their order."""
        name_of = self._namers[dimension.name]
        names: dict[Group, Sequence[str]] = {}
        for group, count in counted.items():
            try:
                names[group] = _each(name_of(group))
            except Exception:
                # It must not end the checkpoint: the same record would end every later one, whoever reads it. As
                # the name depends on the columns alone, every replay counts it in the same way.
                log.exception("an event has no name in %s and counts as %s there", dimension.name, OTHER)
                self.naming_errors[dimension.name] += count
                names[group] = (OTHER,)
        return names


def _in_order(names: Mapping[Group, Sequence[str]], columns: Sequence[Group]) -> Iterator[str]:
    """The names of every event."""
    return chain.from_iterable(map(names.__getitem__, columns))


def _with_type(event_type: str, groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple([(event_type, *group) for group in groups])


def _each(named: Named) -> Sequence[str]:
    if named is None:
        return ()
    return (named,) if isinstance(named, str) else named
