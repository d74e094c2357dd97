"""What the folds take of a record of `events`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from avro_schemas.schema import Schema, by_id, latest
from avro_schemas.wire.codec import PREFIX_SIZE
from avro_schemas.wire.event_reader import EVENT_SCHEMAS, MAX_ID_AGE_MS, MAX_ID_AHEAD_MS, EventReader
from avro_schemas.wire.fast_match import SHORT_TEXT, TIME, TIME_PIECES, FastMatcher
from avro_schemas.wire.projection import Group
from service_kit.kafka import KafkaRecord
from stream_app.state.dimensions import COLUMNS


class Row(NamedTuple):
    """What is counted of an event. `tail` are the last sixteen hex digits of its id, which are random.

    `moment` is when it occurred, not later than it was appended (milliseconds since 1970); `common` and `own` are
    the columns of the dimensions.
    """

    schema: str
    event_type: str
    tail: bytes
    moment: int
    key: bytes | None
    session: bytes | None
    common: Group
    own: Group


_FORMS = {
    "event_id": rb"\x48evt_(?P<time__>[0-9a-f]{12})7[0-9a-f]{3}(?P<tail__>[89ab][0-9a-f]{15})",
    "event_type": SHORT_TEXT,
    "occurred_at": b"(?P<low__>%b)(?P<high__>%b)" % TIME_PIECES,
    "sent_at": TIME,
    "received_at": TIME,
    "session_key": rb"\x20(?P<session__>.{16})",
    "device.browser": SHORT_TEXT,
    "device.system": SHORT_TEXT,
    "device.bot": SHORT_TEXT,
}
_SLOW = EventReader(COLUMNS)


def read(record: KafkaRecord) -> Row:
    """An event's row. Raise `Undecodable` for what is no event."""
    return _READERS[(record.value or b"")[:PREFIX_SIZE]](record)


class _Readers(dict[bytes, Callable[[KafkaRecord], Row]]):
    """A reader for each schema, by the prefix of its values, made when the first one comes."""

    def __missing__(self, prefix: bytes) -> Callable[[KafkaRecord], Row]:
        for schema in by_id().values():
            if schema.prefix == prefix and schema.name in EVENT_SCHEMAS:
                self[prefix] = _reader(schema)
                return self[prefix]
        return _read_slowly


_READERS = _Readers()


def prepare() -> None:
    """Make the readers of all that is written today: each takes a twentieth of a second."""
    for schema in latest().values():
        _READERS[schema.prefix]


def _read_slowly(record: KafkaRecord) -> Row:
    """By the rule itself."""
    appended_at = record.timestamp
    schema, event_id, occurred_at, session, common, own = _SLOW.read(record.value, appended_at)
    tail, moment = event_id[20:].encode(), min(occurred_at, appended_at)
    return Row(schema, common[0], tail, moment, record.key, session, common, own)


def _reader(schema: Schema) -> Callable[[KafkaRecord], Row]:
    """Reads events of the usual shape whose columns came before in the same bytes; leaves others to the rule."""
    groups = {"common": COLUMNS.common, "own": COLUMNS.own.get(schema.name, ())}
    matcher = FastMatcher(schema, groups, _FORMS)
    name, match, head = schema.name, matcher.match, matcher.extractor("time", "tail", "low", "high", "session")
    common_of, own_of = matcher.extractor("common"), matcher.extractor("own")
    commons, owns = _Known(), _Known()

    def read(record: KafkaRecord) -> Row:
        found = match(record.value)  # type: ignore[arg-type] # it has the prefix
        if found is None:
            return _read_slowly(record)
        parts, appended_at = found.groups(), record.timestamp
        time, tail, low, high, session = head(parts)
        common_bytes, own_bytes = common_of(parts), own_of(parts)
        common, own = commons.get(common_bytes), owns.get(own_bytes)
        if common is None or own is None or not -MAX_ID_AHEAD_MS <= appended_at - int(time, 16) <= MAX_ID_AGE_MS:
            row = _read_slowly(record)
            commons.keep(common_bytes, row.common)
            owns.keep(own_bytes, row.own)
            return row
        occurred_at = _LOW[low] + _HIGH[high]
        moment = occurred_at if occurred_at < appended_at else appended_at
        return Row(name, common[0], tail, moment, record.key, session, common, own)

    return read


class _Known(dict[Any, Group]):
    """Columns by their bytes: few differ, where there are many."""

    def keep(self, found: Any, columns: Group) -> None:
        if len(self) >= 10_000:
            self.clear()
        self[found] = columns


class _Pieces(dict[bytes, int]):
    """What a piece of a time adds to it."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self._shift = shift

    def __missing__(self, piece: bytes) -> int:
        if len(self) >= 10_000:
            self.clear()
        number = sum((byte & 127) << self._shift + 7 * place for place, byte in enumerate(piece))
        self[piece] = number >> 1
        return number >> 1


_LOW, _HIGH = _Pieces(0), _Pieces(14)
