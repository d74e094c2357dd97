"""Events that are judged alone before their content is checked: what cannot be read, and what is too large.

Browsers cut texts inside a character, programs write NaN, and numbers can be out of range. A JSON parser refuses
the whole body for that, so the events of such a body are separated and read one by one.
"""

import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import orjson

from avro_schemas.rejected_event import MAX_BODY_BYTES
from avro_schemas.validation.fault import Fault

# A body with more texts and brackets is not taken apart: it would cost more than the events that it may hold.
_MAX_TOKENS = 50_000
# Of the events of a request that Python's parser reads, which takes twenty times as long as orjson.
_MAX_LENIENT_BYTES = 128 * 1024
# A quote by itself begins a text that has no end.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
# Half of a character beyond U+FFFF, escaped, without the other half. (Backslashes in front of it come in pairs.)
_LONE_SURROGATE = re.compile(
    r"(?<!\\)((?:\\\\)*+)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_BOM = b"\xef\xbb\xbf"
_QUOTE = ord('"')
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that is rejected without a look at its content.

    `text` is its beginning, for `events-rejected`, and `size` that of all of it.
    """

    fault: Fault
    text: bytes
    size: int
    event_id: Any = None

    @classmethod
    def of(cls, fault: Fault, text: bytes, event_id: Any = None) -> "RefusedEvent":
        """From the whole text of the event."""
        return cls(fault, text[:MAX_BODY_BYTES], len(text), event_id)


class _Parts(NamedTuple):
    """A body without its events, and the text of each event."""

    envelope: bytes
    events: list[bytes]


def read_apart(body: bytes, max_events: int) -> Any:
    """The JSON of a body that as a whole is none; events that cannot be read are of RefusedEvent.

    Raise orjson.JSONDecodeError if the events cannot be separated either.
    """
    parts, reader = _take_apart(body.removeprefix(_BOM), max_events), _Reader()
    envelope = reader.read(parts.envelope if parts else body.removeprefix(_BOM))
    if type(envelope) not in (dict, list):
        return orjson.loads(body)  # it says where it stopped
    if parts is None:
        return envelope
    events = [reader.read(text) for text in parts.events]
    return envelope | {"events": events} if type(envelope) is dict else events


def refuse_oversized(events: list[Any], max_bytes: int, max_depth: int) -> list[Any]:
    """The events, but for those with more than `max_bytes` of JSON, or nested more than `max_depth` deep."""
    return [raw if type(raw) is RefusedEvent else _measured(raw, max_bytes, max_depth) for raw in events]


def too_deep(max_depth: int) -> Fault:
    """The fault of an event that is nested too deeply."""
    return Fault("too_deep", "", f"values nested at most {max_depth} deep")


def is_deeper(value: Any, max_depth: int) -> bool:
    """Whether there are more than so many objects and lists inside each other."""
    level = [value]
    for _ in range(max_depth):
        level = [
            inner
            for outer in level
            if type(outer) in (dict, list)
            for inner in (outer.values() if type(outer) is dict else outer)
        ]
        if not level:
            return False
    return any(type(value) in (dict, list) for value in level)


def _measured(raw: Any, max_bytes: int, max_depth: int) -> Any:
    event_id = raw.get("event_id") if type(raw) is dict else None
    try:
        text = orjson.dumps(raw)
    except TypeError:  # nested more deeply than JSON is written
        return RefusedEvent.of(too_deep(max_depth), b"", event_id)
    if len(text) > max_bytes:
        expected = f"an event of at most {max_bytes} bytes of JSON"
        return RefusedEvent.of(Fault("too_large", "", expected, f"{len(text)} bytes"), text, event_id)
    if text.count(b"[") + text.count(b"{") > max_depth and is_deeper(raw, max_depth):
        return RefusedEvent.of(too_deep(max_depth), text, event_id)
    return raw


class _Reader:
    """Reads texts one by one, within bounds for all of a request."""

    def __init__(self) -> None:
        self._lenient_bytes = _MAX_LENIENT_BYTES

    def read(self, text: bytes) -> Any:
        """The value: of the text as it is, else with U+FFFD for what is not Unicode, else with infinities."""
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            mended = _LONE_SURROGATE.sub(r"\1\\ufffd", text.decode(errors="replace"))
        try:
            return orjson.loads(mended)
        except orjson.JSONDecodeError as error:
            value = self._read_leniently(mended)
            return RefusedEvent.of(_fault(error), text) if value is None else value

    def _read_leniently(self, text: str) -> Any:
        """The value with NaN and infinite numbers, so that the event's check says where they are; else None."""
        if len(text) > self._lenient_bytes:
            return None
        self._lenient_bytes -= len(text)
        try:
            value = json.loads(text, parse_int=_whole_number)
            orjson.dumps(value)
        except (ValueError, RecursionError, TypeError):
            return None
        return value


def _whole_number(digits: str) -> int | float:
    """What orjson makes of it too: numbers of more than 64 bits are floats."""
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _fault(error: orjson.JSONDecodeError) -> Fault:
    if "depth limit" in error.msg:
        return Fault("too_deep", "", "JSON that is nested less deeply")
    if "infinity" in error.msg:
        return Fault("not_finite", "", "finite numbers")
    return Fault(
        "json_invalid", "", f"valid JSON in UTF-8; the parser stopped at character {error.pos} of the event"
    )


def _take_apart(body: bytes, max_events: int) -> _Parts | None:
    """The list of events, taken out of the body. None if there is none, or brackets do not match."""
    depth, key, key_end = 0, b"", 0
    for token in islice(_TOKEN.finditer(body), _MAX_TOKENS):
        text, start = token[0], token.start()
        if text == b'"':
            return None
        if text[0] == _QUOTE:
            key, key_end = text, token.end()
        elif text in (b"]", b"}"):
            depth -= 1
        elif text == b"[" and (depth == 0 or (depth == 1 and _names_events(key, body[key_end:start]))):
            found = _elements(body, token.end(), max_events)
            return None if found is None else _Parts(body[: token.end()] + body[found[1] :], found[0])
        else:
            depth += 1
    return None


def _names_events(key: bytes, behind: bytes) -> bool:
    return key == b'"events"' and behind.strip() == b":"


def _elements(body: bytes, start: int, max_events: int) -> tuple[list[bytes], int] | None:
    """The texts between the commas of a list whose content begins at `start`, and where the list ends."""
    found, depth, begin, seen = list[bytes](), 0, start, start
    for token in islice(_TOKEN.finditer(body, start), _MAX_TOKENS):
        text = token[0]
        while depth == 0 and (comma := body.find(b",", seen, token.start())) >= 0:
            found.append(body[begin:comma])
            begin = seen = comma + 1
            if len(found) > max_events:
                return None
        seen = token.end()
        if text == b'"':
            return None
        if text in (b"[", b"{"):
            depth += 1
        elif text[0] != _QUOTE:
            depth -= 1
            if depth < 0:
                last = body[begin : token.start()]
                return ([*found, last] if found or last.strip() else []), token.start()
    return None
