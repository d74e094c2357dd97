"""What is counted of a record of `events`, read as fast as Python can.

An event of the usual shape is matched by one regular expression per schema, which cuts its columns out as bytes;
columns whose bytes were seen before are not decoded again. Everything else is decoded by `EventReader`, the rule
that the sinks follow too; a property test holds both to the same result.
"""

from binascii import unhexlify
from collections.abc import Callable
from typing import Any, NamedTuple

from avro_schemas.record_key import user_key_of
from avro_schemas.schema import Schema, by_id, latest
from avro_schemas.wire.codec import PREFIX_SIZE
from avro_schemas.wire.event_reader import EVENT_SCHEMAS, MAX_ID_AGE_MS, MAX_ID_AHEAD_MS, Columns, EventReader
from avro_schemas.wire.fast_match import KEY, SHORT_TEXT, TIME, TIME_PIECES, FastMatcher
from avro_schemas.wire.projection import Group
from service_kit.kafka import KafkaRecord

_MAX_CACHED = 10_000


class CountedEvent(NamedTuple):
    """What is counted of an event.

    `id_tail` are the last sixteen hex digits of its id, which are random. `moment` is when it occurred, at the
    latest when it was appended (milliseconds since 1970). `key` is the user's, without a user the session's.
    `common` and `own` are the columns of the dimensions.
    """

    schema: str
    event_type: str
    id_tail: bytes
    moment: int
    key: bytes | None
    session: bytes | None
    common: Group
    own: Group


_PATTERNS = {
    "event_id": rb"\x48evt_(?P<time__>[0-9a-f]{12})7[0-9a-f]{3}(?P<tail__>[89ab][0-9a-f]{15})",
    "event_type": SHORT_TEXT,
    "occurred_at": b"(?P<low__>%b)(?P<high__>%b)" % TIME_PIECES,
    "sent_at": TIME,
    "received_at": TIME,
    "site": SHORT_TEXT,
    "user_key": KEY,
    "visitor_key": KEY,
    "session_key": rb"\x40(?P<session__>[0-9a-f]{32})",
    **dict.fromkeys(
        (
            "country",
            "region",
            "language",
            "screen",
            "release",
            "hostname",
            "source",
            "channel",
            "utm_source",
            "utm_medium",
            "utm_campaign",
            "utm_term",
            "utm_content",
        ),
        SHORT_TEXT,
    ),
    "time_flag": SHORT_TEXT,
    "device.browser": SHORT_TEXT,
    "device.system": SHORT_TEXT,
    "device.kind": SHORT_TEXT,
    "device.bot": SHORT_TEXT,
}


class FastEventReader:
    """Reads the given columns of events."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._rule = EventReader(columns)
        self._readers = _Readers(self)

    def read(self, record: KafkaRecord) -> CountedEvent:
        """What is counted of an event. Raise `Undecodable` for a record that is not an event."""
        return self._readers[(record.value or b"")[:PREFIX_SIZE]](record)

    def decode(self, record: KafkaRecord) -> CountedEvent:
        """The same by the rule, without any shortcut."""
        appended_at = record.timestamp
        schema, event_id, occurred_at, session, common, own = self._rule.read(record.value, appended_at)
        tail, moment = event_id[20:].encode(), min(occurred_at, appended_at)
        return CountedEvent(schema, common[0], tail, moment, user_key_of(record.key), session, common, own)

    def compile_latest(self) -> None:
        """Compile the patterns of all schemas that are written today: each takes a twentieth of a second."""
        for schema in latest().values():
            self._readers[schema.prefix]

    def compiled(self, schema: Schema) -> Callable[[KafkaRecord], CountedEvent]:
        """A function that reads the events of one schema."""
        groups = {"common": self._columns.common, "own": self._columns.own.get(schema.name, ())}
        matcher = FastMatcher(schema, groups, _PATTERNS)
        name, match, head = schema.name, matcher.match, matcher.extractor("time", "tail", "low", "high", "session")
        common_of, own_of = matcher.extractor("common"), matcher.extractor("own")
        commons, owns = _ColumnCache(), _ColumnCache()

        def read(record: KafkaRecord) -> CountedEvent:
            found = match(record.value)  # type: ignore[arg-type] # it has the prefix
            if found is None:
                return self.decode(record)
            parts, appended_at = found.groups(), record.timestamp
            time, tail, low, high, session = head(parts)
            common_bytes, own_bytes = common_of(parts), own_of(parts)
            common, own = commons.get(common_bytes), owns.get(own_bytes)
            if (
                common is None
                or own is None
                or not -MAX_ID_AHEAD_MS <= appended_at - int(time, 16) <= MAX_ID_AGE_MS
            ):
                # Columns are cached only from events that the rule accepted: it raises for all others.
                event = self.decode(record)
                commons.store(common_bytes, event.common)
                owns.store(own_bytes, event.own)
                return event
            occurred_at = _LOW[low] + _HIGH[high]
            moment = occurred_at if occurred_at < appended_at else appended_at
            session = session and unhexlify(session)
            return CountedEvent(name, common[0], tail, moment, user_key_of(record.key), session, common, own)

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


class _VarintPieces(dict[bytes, int]):
    """What some bytes of a time, a zigzag varint, add to its value."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self._shift = shift

    def __missing__(self, piece: bytes) -> int:
        if len(self) >= _MAX_CACHED:
            self.clear()
        number = sum((byte & 127) << self._shift + 7 * place for place, byte in enumerate(piece))
        self[piece] = number >> 1
        return number >> 1


_LOW, _HIGH = _VarintPieces(0), _VarintPieces(14)
