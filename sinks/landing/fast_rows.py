"""Reads the rows of most events without decoding them field by field.

An event of the usual shape is matched by one regular expression per schema, which cuts its fields out as bytes.
What many events share, such as all that is known of a visitor's browser, is looked up by its bytes. Every other
event is read by `to_row`, the rule; a property test holds both to the same row.
"""

import struct
from binascii import unhexlify
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from avro_schemas.schema import CUSTOM, Schema, is_json, latest
from avro_schemas.wire.codec import PREFIX_SIZE
from avro_schemas.wire.event_reader import EVENT_SCHEMAS, KEYS, MAX_ID_AGE_MS, MAX_ID_AHEAD_MS
from avro_schemas.wire.fast_match import HIGH_PIECE, LOW_PIECE, SHORT_TEXT, TIME_PIECES, FastMatcher
from service_kit.kafka.record import KafkaRecord
from sinks.landing.event_row import (
    DATA_FIELDS,
    DEVICE_FIELDS,
    PLAIN_FIELDS,
    Device,
    EventRow,
    json_object,
    nested_object,
    to_row,
)

Value = TypeVar("Value")
Read = Callable[[KafkaRecord], EventRow]

# Of each kind of bytes that many events share. An entry takes some hundred bytes.
_MAX_CACHED = 10_000
_MAX_CACHED_TEXTS = 2_000
_ABSENT = b"\0"
_TIMES = ("occurred_at", "received_at", "sent_at")
_NO_PROPERTIES = b"\4{}"
_DOUBLE = struct.Struct("<d")


def _time(name: str) -> bytes:
    low, high = TIME_PIECES
    return b"(?P<%b_low__>%b)(?P<%b_high__>%b)" % (name.encode(), low, name.encode(), high)


def _key(name: str) -> bytes:
    return rb"\x40(?P<%b__>[0-9a-f]{32})" % name.encode()


_PATTERNS = {
    "event_id": rb"\x48evt_(?P<id__>(?P<time__>[0-9a-f]{12})7[0-9a-f]{3}[89ab][0-9a-f]{15})",
    **{name: _time(name) for name in _TIMES},
    **{name: _key(name) for name in KEYS},
    **dict.fromkeys(("event_type", "time_flag", *DEVICE_FIELDS, *PLAIN_FIELDS), SHORT_TEXT),
}


class FastRowReader:
    """Reads the rows of records."""

    def __init__(self) -> None:
        self._readers: dict[bytes, Read] = {}

    def read(self, record: KafkaRecord) -> EventRow:
        """The row of a record. Raise `Undecodable` if it is not an event."""
        prefix = (record.value or b"")[:PREFIX_SIZE]
        return (self._readers.get(prefix) or self._reader(prefix))(record)

    def _reader(self, prefix: bytes) -> Read:
        for name in EVENT_SCHEMAS:
            if (schema := latest()[name]).prefix == prefix:
                self._readers[prefix] = _compiled(schema)
                return self._readers[prefix]
        # Not stored: whoever writes rubbish could fill the memory with prefixes.
        return to_row


def _compiled(schema: Schema) -> Read:
    """A function that reads the events of a schema. To compile it takes a twentieth of a second."""
    own_names = ["properties"] if schema.name == CUSTOM else DATA_FIELDS[schema.name]
    groups = {"type": ["event_type"], "flag": ["time_flag"], "plain": PLAIN_FIELDS, "device": DEVICE_FIELDS}
    groups |= {"page": ["page"], "route": ["route"]}
    groups |= {f"own{place}": [f"event_data.{name}"] for place, name in enumerate(own_names)}
    matcher = FastMatcher(schema, groups, _PATTERNS)
    match, schema_id = matcher.match, schema.id
    times_of = matcher.extractor(*(f"{name}_{part}" for name in _TIMES for part in ("low", "high")))
    head_of = matcher.extractor("id", "time", *KEYS, "page", "route")
    shared_of, plain_of = matcher.extractor("type", "flag", "device"), matcher.extractor("plain")
    write_event_data = _event_data_writer(schema, matcher)
    shared_cache, plain_cache = _Cache[tuple[str, int, Device]](), _Cache[Any]()

    def read(record: KafkaRecord) -> EventRow:
        found = match(record.value)  # type: ignore[arg-type] # it has the prefix
        if found is None:
            return to_row(record)
        parts = found.groups()
        event_id, time, user, visitor, session, page_bytes, route_bytes = head_of(parts)
        shared_bytes, plain_bytes = shared_of(parts), plain_of(parts)
        shared, plain = shared_cache.get(shared_bytes), plain_cache.get(plain_bytes)
        if (
            shared is None
            or plain is None
            or not -MAX_ID_AHEAD_MS <= record.timestamp - int(time, 16) <= MAX_ID_AGE_MS
        ):
            # Only what the rule accepts is cached: it raises for everything else.
            row = to_row(record)
            shared_cache.store(shared_bytes, (row.event_type, row.time_flag, row.device))
            plain_cache.store(plain_bytes, row[-len(PLAIN_FIELDS) :])
            return row
        event_type, time_flag, device = shared
        page_in_data, event_data = write_event_data(parts)
        low, high, received_low, received_high, sent_low, sent_high = times_of(parts)
        return EventRow(
            unhexlify(event_id),
            LOW_PIECE[low] + HIGH_PIECE[high],
            LOW_PIECE[received_low] + HIGH_PIECE[received_high],
            None if sent_low is None else LOW_PIECE[sent_low] + HIGH_PIECE[sent_high],
            event_type,
            time_flag,
            schema_id,
            device,
            user and unhexlify(user),
            visitor and unhexlify(visitor),
            session and unhexlify(session),
            # As `to_row` stores them once.
            None if page_bytes[1:] == page_in_data else _text(page_bytes),
            "" if len(route_bytes) > 2 and route_bytes == page_bytes else _text(route_bytes) or None,
            event_data,
            *plain,
        )

    return read


def _event_data_writer(schema: Schema, matcher: FastMatcher) -> Callable[[Any], tuple[bytes | None, bytes]]:
    """A function from the groups of a match to the bytes of the page in `event_data`, and `event_data` as JSON."""
    if schema.name == CUSTOM:
        properties_of = matcher.extractor("own0")
        return lambda parts: (None, json_object(_without_length(properties_of(parts))))
    fields = schema.wire["fields"][-1]["type"]["fields"]
    writers = [_member_writer(b'"%b":' % field["name"].encode(), field["type"]) for field in fields]
    own_of = matcher.extractor(*(f"own{place}" for place in range(len(fields))))
    pages = [place for place, field in enumerate(fields) if field["name"] == "page"]
    page_place, starts_at = pages[0] if pages else None, len(pages) and isinstance(fields[pages[0]]["type"], list)

    def write(parts: Any) -> tuple[bytes | None, bytes]:
        own = own_of(parts)
        members = [member for write, found in zip(writers, own, strict=True) if (member := write(found))]
        page = None if page_place is None else own[page_place][starts_at:]
        return page, b"{" + b",".join(members) + b"}"

    return write


def _member_writer(name: bytes, kind: Any) -> Callable[[bytes], bytes]:
    """A function from the bytes of a field to the member of a JSON object; empty if `to_row` leaves it out."""
    if is_json(kind):
        return lambda found: b"" if found == _NO_PROPERTIES else name + nested_object(_without_length(found))
    match kind:
        case "string":
            return _TextMembers(name, lambda found: str(_without_length(found), "ascii")).__getitem__
        case ["null", "string"]:
            return _TextMembers(name, _text).__getitem__
        case "boolean":
            return lambda found: name + (b"true" if found == b"\1" else b"false")
        case "double":
            return lambda found: name + orjson.dumps(_DOUBLE.unpack(found)[0])
        case "int" | "long":
            return lambda found: name + b"%d" % _number(found)
        case ["null", other]:
            write = _member_writer(name, other)
            return lambda found: b"" if found == _ABSENT else write(found[1:])
    raise NotImplementedError(f"{kind} cannot be written as JSON here yet")


def _text(found: bytes) -> str | None:
    """An optional text."""
    return None if found == _ABSENT else str(_without_length(found[1:]), "ascii")


def _without_length(found: bytes) -> bytes:
    return found[1:] if found[0] < 128 else found[2:]


def _number(found: bytes) -> int:
    zigzag = sum((byte & 127) << 7 * place for place, byte in enumerate(found))
    return zigzag >> 1 ^ -(zigzag & 1)


class _TextMembers(dict[bytes, bytes]):
    """Members of a JSON object, by the bytes of their text: pages, titles and names of buttons repeat."""

    def __init__(self, name: bytes, text_of: Callable[[bytes], str | None]) -> None:
        super().__init__()
        self._name, self._text_of = name, text_of

    def __missing__(self, found: bytes) -> bytes:
        if len(self) >= _MAX_CACHED_TEXTS:
            self.clear()
        text = self._text_of(found)
        self[found] = b"" if text is None else self._name + orjson.dumps(text)
        return self[found]


class _Cache(dict[Any, Value]):
    """Values by their bytes."""

    def store(self, found: Any, value: Value) -> None:
        if len(self) >= _MAX_CACHED:
            self.clear()
        self[found] = value
