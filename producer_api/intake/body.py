"""From the bytes of a body to raw events: decompressed, bounded, parsed."""

import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from avro_schemas.validation.fault import Fault, child_pointer
from producer_api.errors import RequestRejected
from producer_api.intake import clock_skew
from producer_api.intake.client_context import NO_CONTEXT, ClientContext, read_context
from producer_api.intake.lone_events import read_apart

MEDIA_TYPES = ("", "application/json", "text/plain")
_ENVELOPE_FIELDS = frozenset({"events", "sent_at", "sdk", "dropped", "context"})
_MAX_DROPPED = 1_000_000
_GZIP = 16 + zlib.MAX_WBITS
# Old programs say the second (RFC 9110 8.4.1.3).
_GZIP_NAMES = ("gzip", "x-gzip")
# A stream may have several members (RFC 1952). Programs that write in pieces make one for each.
_MAX_MEMBERS = 100
# Where the first event of any usual request has its id.
_MAX_START_BYTES = 64 * 1024
_EVENT_ID = re.compile(rb'"event_id"\s*:\s*"(evt_[0-9a-f]{32})"')


@dataclass(slots=True)
class Envelope:
    """The raw events of a body, and what the client says about the request itself."""

    events: list[Any]
    # A single event, which is answered without a list of results.
    single: bool
    # Milliseconds since 1970 by the client's clock; None if the client does not say.
    sent_at: int | None = None
    # How many events the client gave up since it last reported them.
    dropped: int = 0
    # Of all events, where they do not say otherwise themselves.
    context: ClientContext = NO_CONTEXT


def require_media_type(content_type: str) -> None:
    """Reject what is neither JSON nor plain text, such as a form."""
    if content_type in MEDIA_TYPES:
        return
    # In several lines it is a list.
    types = {each.partition(";")[0].strip().lower() for each in content_type.split(",")}
    if not types.issubset(MEDIA_TYPES):
        raise RequestRejected("media_type_unsupported", "Content-Type application/json or text/plain")


def too_large(max_bytes: int) -> RequestRejected:
    """The rejection of a body over the limit."""
    return RequestRejected("body_too_large", f"at most {max_bytes} bytes after decompression")


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo gzip. Never produces more than `max_bytes`, however much the body would expand to."""
    if encoding in ("", "identity"):
        return body
    if encoding not in _GZIP_NAMES:
        raise RequestRejected("media_type_unsupported", "Content-Encoding gzip, or none")
    content, rest = bytearray(), body
    for _ in range(_MAX_MEMBERS):
        stream = zlib.decompressobj(_GZIP)
        try:
            content += stream.decompress(rest, max_bytes + 1 - len(content))
        except zlib.error as error:
            raise _invalid_gzip() from error
        if len(content) > max_bytes:
            raise too_large(max_bytes)
        if not stream.eof:
            raise _invalid_gzip()
        rest = stream.unused_data.lstrip(b"\0")  # padding, as tapes and discs have it
        if not rest:
            return bytes(content)
    raise _invalid_gzip()


def first_event_id(body: bytes, encoding: str) -> str | None:
    """The first id of an event in a body that is not parsed yet; None if its beginning has none."""
    start = body[:_MAX_START_BYTES]
    if encoding not in ("", "identity"):
        try:
            start = zlib.decompressobj(wbits=_GZIP).decompress(body, _MAX_START_BYTES)
        except zlib.error:
            return None  # whoever reads all of it says so
    found = _EVENT_ID.search(start)
    return found and found.group(1).decode()


def _invalid_gzip() -> RequestRejected:
    return RequestRejected("gzip_invalid", f"one complete gzip stream of at most {_MAX_MEMBERS} members")


def parse(body: bytes, max_events: int, sites: Collection[str] = ()) -> Envelope:
    """The envelope of a body. Raise RequestRejected for anything that holds no events.

    `sites` are those that a context may name; empty means any. Events that cannot be read are of RefusedEvent.
    """
    parsed = _parse_json(body, max_events)
    if not isinstance(parsed, dict):
        return Envelope(_require_events(parsed, max_events), single=False)
    if "events" not in parsed:
        sent_at = parsed.pop("sent_at", None)
        return Envelope([parsed], single=True, sent_at=None if sent_at is None else _parse_sent_at(sent_at))
    for name in parsed.keys() - _ENVELOPE_FIELDS:
        expected = "only events, context, sent_at, sdk and dropped"
        raise RequestRejected("field_unknown", expected, pointer=child_pointer("", name))
    events = _require_events(parsed["events"], max_events)
    sent_at = parsed.get("sent_at")
    sent_at = None if sent_at is None else _parse_sent_at(sent_at)
    dropped = _require_dropped(parsed.get("dropped", 0))
    context = _require_context(parsed.get("context"), sites)
    return Envelope(events, single=False, sent_at=sent_at, dropped=dropped, context=context)


def _parse_json(body: bytes, max_events: int) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return read_apart(body, max_events)
    except orjson.JSONDecodeError as error:
        if "depth limit" in error.msg:
            raise RequestRejected("too_deep", "JSON that is nested less deeply") from error
        expected = f"valid JSON in UTF-8; the parser stopped at line {error.lineno} column {error.colno}"
        raise RequestRejected("json_invalid", expected) from error


def _require_events(events: Any, max_events: int) -> list[Any]:
    if not isinstance(events, list):
        raise RequestRejected("events_missing", 'an event, a list of events, or {"events": [...]}')
    if not events:
        raise RequestRejected("events_missing", "at least one event")
    if len(events) > max_events:
        raise RequestRejected("too_many_events", f"at most {max_events} events per request")
    return events


def _parse_sent_at(text: Any) -> int:
    sent_at = clock_skew.parse_timestamp(text)
    if sent_at is None:
        raise RequestRejected("timestamp_invalid", clock_skew.TIMESTAMP_FORMAT, pointer="/sent_at")
    if not clock_skew.is_sent_at(sent_at):
        raise RequestRejected("timestamp_out_of_range", clock_skew.SENT_AT_RANGE, pointer="/sent_at")
    return sent_at


def _require_context(context: Any, sites: Collection[str]) -> ClientContext:
    if context is None:
        return NO_CONTEXT
    found: list[Fault] = []
    read = read_context(context, "/context", sites, found)
    if found:
        raise RequestRejected.with_faults(found)
    return read


def _require_dropped(dropped: Any) -> int:
    if type(dropped) is not int:
        raise RequestRejected("type_mismatch", "a whole number", pointer="/dropped")
    if not 0 <= dropped <= _MAX_DROPPED:
        raise RequestRejected("out_of_range", f"0 to {_MAX_DROPPED}", pointer="/dropped")
    return dropped
