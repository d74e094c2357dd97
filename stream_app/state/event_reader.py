"""What is counted of a record of `events`, read as fast as Python can.

An event of the usual shape is matched by one regular expression per schema, which cuts its columns out as bytes;
columns whose bytes were seen before are not decoded again. Everything else is decoded by `EventReader`, the rule
that the sinks follow too; a property test holds both to the same result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

from avro_schemas.event_ids import timestamp_ms
from avro_schemas.record_key import record_key
from avro_schemas.schema import Schema, by_id, latest
from avro_schemas.wire.codec import PREFIX_SIZE
from avro_schemas.wire.event_reader import (
    EVENT_SCHEMAS,
    JSON_FIELD,
    MAX_ID_AGE_MS,
    MAX_ID_AHEAD_MS,
    Columns,
    EventReader,
)
from avro_schemas.wire.fast_match import (
    HIGH_PIECE,
    KEY_PIECES,
    LOW_PIECE,
    SHORT_TEXT,
    TIME,
    TIME_PIECES,
    FastMatcher,
    Parts,
    field_names,
)
from avro_schemas.wire.freshness import MAX_AGE_MS, MAX_AHEAD_MS, is_fresh
from avro_schemas.wire.projection import Group
from service_kit.kafka.record import KafkaRecord

_MAX_CACHED, _MAX_CACHED_BYTES = 10_000, 300


@dataclass(frozen=True, slots=True)
class ColumnGroups:
    """The columns to read, by dotted name: of every event, and of single schemas by their name.

    The columns of a group are counted together, as they depend on each other; groups do not. A page and a country,
    for example, are two groups: a hundred of each are two hundred values to know, and not ten thousand.
    """

    common: Sequence[str]
    own: Mapping[str, Sequence[Sequence[str]]]


class CountedEvent(NamedTuple):
    """What is counted of an event.

    `id_tail` are the last sixteen hex digits of its id, which are random, and `is_fresh` whether the dedup window
    knows all its repeats. `moment` is when it occurred and `received` when the collector received it, both at the
    latest when it was appended (milliseconds since 1970). `key` is the record's: the user's, else the session's,
    else the visitor's. `user` and `visitor` are keys that tell people apart: without both, `visitor` is the
    session's. `common` has the columns that the dimensions take of every event, and `own` a group each of those
    that they take of its schema.
    """

    schema: str
    event_type: str
    id_tail: bytes
    is_fresh: bool
    moment: int
    received: int
    key: bytes | None
    user: bytes | None
    visitor: bytes | None
    common: Group
    own: tuple[Group, ...]


# Page, route and what is in `event_data` may be longer.
_SHORT = (
    *("event_type", "time_flag", "site", "country", "region", "language", "screen", "release"),
    *("device.browser", "device.system", "device.kind", "device.bot", "hostname", "source", "channel"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
)
_PATTERNS = dict.fromkeys(_SHORT, SHORT_TEXT) | {
    "event_id": rb"\x48evt_(?P<time__>[0-9a-f]{12})7[0-9a-f]{3}(?P<tail__>[89ab][0-9a-f]{15})",
    "occurred_at": b"(?P<low__>%b)(?P<high__>%b)" % TIME_PIECES,
    "sent_at": TIME,
    "received_at": b"(?P<rlow__>%b)(?P<rhigh__>%b)" % TIME_PIECES,
    "user_key": b"%b(?P<user__>%b)" % KEY_PIECES,
    "visitor_key": b"%b(?P<visitor__>%b)" % KEY_PIECES,
    "session_key": b"%b(?P<session__>%b)" % KEY_PIECES,
}
# Read of every event, besides what the dimensions take.
_MORE = ("user_key", "visitor_key", "received_at")


class FastEventReader:
    """Reads the given columns of events."""

    def __init__(self, columns: ColumnGroups) -> None:
        self._columns = columns
        own = {schema: tuple(chain(*groups)) for schema, groups in columns.own.items()}
        self._rule = EventReader(Columns((*columns.common, *_MORE), own))
        self._readers = _Readers(self)

    def read(self, record: KafkaRecord) -> CountedEvent:
        """What is counted of an event. Raise `Undecodable` for a record that is not an event."""
        return self._readers[(record.value or b"")[:PREFIX_SIZE]](record)

    def decode(self, record: KafkaRecord) -> CountedEvent:
        """The same by the rule, without any shortcut."""
        appended_at = record.timestamp
        schema, event_id, occurred_at, session, (*common, user, visitor, received_at), own = self._rule.read(
            record.value, appended_at
        )
        left = iter(own)
        groups = tuple(tuple(islice(left, len(group))) for group in self._columns.own.get(schema, ()))
        return CountedEvent(
            schema,
            common[0],
            event_id[20:].encode(),
            is_fresh(timestamp_ms(event_id), received_at, appended_at),
            min(occurred_at, appended_at),
            min(received_at, appended_at),
            record.key,
            record_key(user),
            record_key(visitor if user else visitor or session),
            tuple(common),
            groups,
        )

    def compile_latest(self) -> None:
        """Compile the patterns of all schemas that are written today: each takes a twentieth of a second."""
        for schema in latest().values():
            self._readers[schema.prefix]

    def compiled(self, schema: Schema) -> Callable[[KafkaRecord], CountedEvent]:
        """A function that reads the events of one schema."""
        own_groups, common_columns = self._columns.own.get(schema.name, ()), self._columns.common
        groups = {f"own{n}": columns for n, columns in enumerate(own_groups)} | {"common": common_columns}
        wanted = {*common_columns, "session_key", "received_at"}
        stop = 1 + max(place for place, name in enumerate(field_names(schema)) if name in wanted)
        matcher = FastMatcher(schema, groups, _PATTERNS, stop=stop)
        head = matcher.extractor("time", "tail", "low", "high", "rlow", "rhigh", "user", "visitor", "session")
        name, match, common_of = schema.name, matcher.match, matcher.extractor("common")
        rest = FastMatcher(schema, groups, _PATTERNS, start=stop)
        commons, owns = _ColumnCache(), _OwnColumns(matcher, rest, common_columns, own_groups)
        own_of, has_apart = owns.bytes_of, bool(owns.apart)

        def read(record: KafkaRecord) -> CountedEvent:
            found = match(record.value)  # type: ignore[arg-type] # it has the prefix
            if found is None:
                return self.decode(record)
            parts, appended_at = found.groups(), record.timestamp
            time, tail, low, high, rlow, rhigh, user, visitor, session = head(parts)
            common_bytes, own_bytes = common_of(parts), own_of(parts)
            common, own = commons.get(common_bytes), owns.get(own_bytes)
            if own is None:
                own = owns.joined(own_bytes, parts)
            if has_apart and own is not None:
                own = owns.with_those_apart(own, parts)
            id_time = int(time, 16)
            age = appended_at - id_time
            if common is None or own is None or not -MAX_ID_AHEAD_MS <= age <= MAX_ID_AGE_MS:
                # Columns are cached only from events that the rule accepted: it raises for all others.
                event = self.decode(record)
                commons.store(common_bytes, event.common)
                owns.learn(own_bytes, parts, event.own)
                return event
            occurred_at = LOW_PIECE[low] + HIGH_PIECE[high]
            moment = occurred_at if occurred_at < appended_at else appended_at
            received = LOW_PIECE[rlow] + HIGH_PIECE[rhigh]
            if received > appended_at:
                received = appended_at
            fresh = age <= MAX_AGE_MS and id_time - received <= MAX_AHEAD_MS
            if not user and not visitor:
                visitor = session
            # The constructor of named tuples takes twice as long.
            fields = (name, common[0], tail, fresh, moment, received, record.key, user, visitor, common, own)
            return tuple.__new__(CountedEvent, fields)

        return read


class _Readers(dict[bytes, Callable[[KafkaRecord], CountedEvent]]):
    """A reader for each schema, by the prefix of its values, compiled when its first event comes."""

    def __init__(self, owner: FastEventReader) -> None:
        super().__init__()
        self._owner = owner

    def __missing__(self, prefix: bytes) -> Callable[[KafkaRecord], CountedEvent]:
        for schema in by_id().values():
            if schema.prefix == prefix and schema.name in EVENT_SCHEMAS:
                self[prefix] = self._owner.compiled(schema)
                return self[prefix]
        # Not stored: whoever writes rubbish could fill the memory with prefixes.
        return self._owner.decode


class _ColumnCache(dict[Any, Group]):
    """Columns by their bytes: among many events few differ."""

    def store(self, found: Any, columns: Group) -> None:
        if len(self) >= _MAX_CACHED:
            self.clear()
        self[found] = columns


class _OwnColumns(_ColumnCache):
    """The groups of columns of one schema, by the bytes of the whole rest of an event; and each group by its own.

    Many events of a site end alike: there the rest needs no matching. Of many pages and many countries most pairs
    come for the first time, while each page and each country came before: such a rest is matched, not decoded.
    """

    def __init__(
        self, start: FastMatcher, rest: FastMatcher, common: Sequence[str], groups: Sequence[Sequence[str]]
    ) -> None:
        super().__init__()
        # Groups that do not depend on the rest: with them there would be too many ends.
        self.apart = [
            (place, start.extractor(f"own{place}"), _ColumnCache())
            for place, columns in enumerate(groups)
            if set(common).isdisjoint(columns) and not rest.has(f"own{place}")
        ]
        self._places_apart = {place for place, *_ in self.apart}
        # A column that is common too is captured there.
        names = [
            ("common", f"own{number}") if not set(common).isdisjoint(columns) else (f"own{number}",)
            for number, columns in enumerate(groups)
            if number not in self._places_apart
        ]
        self.bytes_of = start.extractor(*dict.fromkeys(chain(*names)), "rest")
        self._rest_of, self._match = start.extractor("rest"), rest.match
        self._groups = [(start.extractor(*each), rest.extractor(*each), _ColumnCache()) for each in names]
        # A JSON text is taken as it is, so nothing of it has to be known.
        texts = [columns for place, columns in enumerate(groups) if place not in self._places_apart]
        self._are_texts = [tuple(columns) == (JSON_FIELD,) for columns in texts]

    def with_those_apart(self, columns: Group, parts: Parts) -> Group | None:
        """All groups, if those apart are known too."""
        groups = list(columns)
        for place, bytes_of, known in self.apart:
            group = known.get(bytes_of(parts))
            if group is None:
                return None
            groups.insert(place, group)
        return tuple(groups)

    def joined(self, found: Any, parts: Parts) -> Group | None:
        """The groups of an event without those apart, if the rest has the usual shape and each is known."""
        rest = self._match(self._rest_of(parts))
        if rest is None:
            return None
        rest_parts, columns = rest.groups(), []
        for (of_start, of_rest, known), is_text in zip(self._groups, self._are_texts, strict=True):
            if is_text:
                group: Group | None = (_text_of(of_rest(rest_parts)),)
            else:
                group = known.get((of_start(parts), of_rest(rest_parts)))
            if group is None:
                return None
            columns.append(group)
        self._store_all(found, parts, tuple(columns))
        return tuple(columns)

    def learn(self, found: Any, parts: Parts, columns: Group) -> None:
        """Know the groups of an event that the rule accepted, all together and each by itself."""
        for place, bytes_of, known in self.apart:
            known.store(bytes_of(parts), columns[place])
        columns = tuple(group for place, group in enumerate(columns) if place not in self._places_apart)
        self._store_all(found, parts, columns)
        if rest := self._match(self._rest_of(parts)):
            rest_parts = rest.groups()
            for (of_start, of_rest, known), group in zip(self._groups, columns, strict=True):
                known.store((of_start(parts), of_rest(rest_parts)), group)

    def _store_all(self, found: Any, parts: Parts, columns: Group) -> None:
        if len(self._rest_of(parts)) <= _MAX_CACHED_BYTES:
            self.store(found, columns)


def _text_of(value: bytes) -> bytes:
    """A text of the usual shape without its length, which takes one byte or two."""
    return value[1:] if value[0] < 128 else value[2:]
