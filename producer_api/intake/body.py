"""From bytes to raw events: unpacked, measured, parsed, listed."""

import zlib
from typing import Any

import orjson

from avro_schemas.validation.faults import child_pointer
from producer_api.errors import Refused
from producer_api.intake import clock_skew

MEDIA_TYPES = ("", "application/json", "text/plain")
_ENVELOPE = frozenset({"events", "sent_at", "sdk", "dropped"})
_MAX_DROPPED = 1_000_000
_GZIP = 16 + zlib.MAX_WBITS


def require_media_type(content_type: str) -> None:
    """Refuse what is neither JSON nor plain text, such as a form."""
    if content_type.partition(";")[0].strip().lower() not in MEDIA_TYPES:
        raise Refused("media_type_unsupported", "Content-Type application/json or text/plain")


def too_large(most: int) -> Refused:
    """The refusal of a body above the limit."""
    return Refused("body_too_large", f"at most {most} bytes after unpacking")


def unpack(body: bytes, encoding: str, most: int) -> bytes:
    """Undo gzip, never making more than `most` bytes of it."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Refused("media_type_unsupported", "Content-Encoding gzip, or none")
    stream = zlib.decompressobj(_GZIP)
    try:
        unpacked = stream.decompress(body, most + 1)
    except zlib.error as error:
        raise Refused("gzip_invalid", "a whole gzip stream") from error
    if len(unpacked) > most:
        raise too_large(most)
    if not stream.eof:
        raise Refused("gzip_invalid", "a whole gzip stream")
    return unpacked


def parse(body: bytes) -> Any:
    """The JSON value of a body."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth limit" in error.msg:
            raise Refused("too_deep", "JSON that is not nested so deeply") from error
        where = f"valid JSON in UTF-8; the parser stopped at line {error.lineno} column {error.colno}"
        raise Refused("json_invalid", where) from error


def events_of(parsed: Any, most: int) -> tuple[list[Any], bool]:
    """The raw events in a body, and whether it was a single one."""
    if isinstance(parsed, dict) and "events" not in parsed:
        return [{name: value for name, value in parsed.items() if name != "sent_at"}], True
    events = parsed
    if isinstance(parsed, dict):
        events = parsed["events"]
        for name in parsed.keys() - _ENVELOPE:
            raise Refused("field_unknown", "events, sent_at, sdk and dropped", pointer=child_pointer("", name))
    if not isinstance(events, list):
        raise Refused("events_missing", 'an event, a list of events, or {"events": […]}')
    if not events:
        raise Refused("events_missing", "at least one event")
    if len(events) > most:
        raise Refused("too_many_events", f"at most {most} events in one request")
    return events, False


def sent_at_of(parsed: Any) -> int | None:
    """When the client says it sent the request, in milliseconds since 1970; None if it does not say."""
    if not isinstance(parsed, dict) or parsed.get("sent_at") is None:
        return None
    sent_at = clock_skew.read(parsed["sent_at"])
    if sent_at is None:
        expected = "ISO 8601 with an offset, such as 2024-01-15T10:30:00Z"
        raise Refused("timestamp_invalid", expected, pointer="/sent_at")
    if not clock_skew.is_in_range(sent_at):
        raise Refused("timestamp_out_of_range", "a moment in the years 2000 to 2099", pointer="/sent_at")
    return sent_at


def dropped_of(parsed: Any) -> int:
    """How many events the client says it gave up since it last said so."""
    dropped = parsed.get("dropped", 0) if isinstance(parsed, dict) and "events" in parsed else 0
    if type(dropped) is not int:
        raise Refused("type_mismatch", "a whole number", pointer="/dropped")
    if not 0 <= dropped <= _MAX_DROPPED:
        raise Refused("out_of_range", f"0 to {_MAX_DROPPED}", pointer="/dropped")
    return dropped
