"""What is kept of a rejected event or body: reduced as accepted events are, and bounded in size. No I/O.

Nobody knows what its fields mean, as the event is not valid. So every text is reduced by its form, and some fields
by their names too, wherever they are.
"""

import re
import zlib
from collections import Counter
from collections.abc import Collection
from typing import Any

import orjson

from avro_schemas.rejected_event import MAX_BODY_BYTES
from avro_schemas.validation.fault import Fault
from producer_api.privacy.devices import classify
from producer_api.privacy.redaction import is_suspicious, redact, redact_nested, unused_name
from producer_api.privacy.urls import read_page, strip_url

_MAX_DEPTH = 50
# Stands for what is nested more deeply or too much.
_LEFT_OUT = "…"
_GZIP_BEGINNING = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS

# By their names without marks, in small letters: clients of other trackers have `userAgent` and `$user_agent`.
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]")
_PAGES = frozenset({"page", "path", "pathname", "currenturl", "pageurl", "url", "href", "location", "uri"})
_REFERRERS = frozenset({"referrer", "referer", "initialreferrer"})
_USER_AGENTS = frozenset({"useragent", "ua", "rawuseragent"})
# Accepted events have keyed hashes of some, and nothing of the others.
_PERSONAL_NAMES = """userid username visitorid sessionid distinctid anonymousid deviceid clientid
    accountid customerid personid ip ipaddress clientip remoteaddr email phone phonenumber firstname lastname
    fullname birthday dateofbirth password passwd pwd secret token accesstoken refreshtoken idtoken apikey
    authorization cookie cookies setcookie sessiontoken iban cardnumber cvv cvc ssn"""
_PERSONAL = frozenset(_PERSONAL_NAMES.split())
_REMOVED = "[removed]"
_PLACEHOLDER = re.compile(r"\[[a-z ]+\]")
_MAX_VALUE = 200

_USER_AGENT = re.compile(r"((?<!\\)\\*[\"'](?i:[$\w-]{0,20}agent)\\*[\"']\s{0,5}:\s{0,5}\\*[\"'])([^\"\\\r\n]+)")
# A name and its value in a text that is nearly JSON.
_FIELD = re.compile(
    r"(?<!\\)\\*[\"']([$\w. -]{1,40})\\*[\"']\s{0,5}:\s{0,5}(\\*\"[^\"\\\r\n]*\\*\"?|'[^'\r\n]*'?|-?\d[\d.]*)"
)
# Characters that need no escape in JSON, but may have one. The quote and the backslash keep theirs.
_ESCAPE = re.compile(r"(?<!\\)\\+u00([2-7][0-9a-fA-F])")
_ESCAPED_SLASH = re.compile(r"(?<!\\)\\+/")


def opted_out_faults(faults: Collection[Fault]) -> list[Fault]:
    """Reasons and pointers alone."""
    return [Fault(fault.code, redacted_pointer(fault.pointer), "") for fault in faults]


def reduced_faults(faults: Collection[Fault]) -> list[Fault]:
    """The faults as they may be kept: their pointers have names that the client chose."""
    return [Fault(each.code, redacted_pointer(each.pointer), each.expected, each.got) for each in faults]


def redacted_pointer(pointer: str) -> str:
    """A pointer without personal data in its names."""
    if not is_suspicious(pointer):
        return pointer
    return "/".join(redact(name, Counter()) for name in pointer.split("/"))


def reduced_event(raw: Any, allowed_parameters: Collection[str], counts: Counter[str]) -> tuple[bytes, int]:
    """A raw event as JSON, and its size before anything was left out."""
    reducer = _Reducer(allowed_parameters, counts)
    body = orjson.dumps(reducer.reduced(raw, "", _MAX_DEPTH))
    try:
        return body, len(body) if reducer.is_whole else max(len(body), len(orjson.dumps(raw)))
    except TypeError:  # nested more deeply than JSON is written
        return body, len(body)


class _Reducer:
    """Reduces the values of one event, until there are as many characters as are kept."""

    def __init__(self, allowed_parameters: Collection[str], counts: Counter[str]) -> None:
        self._allowed, self._counts, self._left = allowed_parameters, counts, MAX_BODY_BYTES

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out for its size."""
        return self._left > 0

    def reduced(self, value: Any, name: str, depth: int) -> Any:
        """The value of a field of that name, which may be a list's."""
        self._left -= 8
        if self._left < 0:
            return _LEFT_OUT
        kind = type(value)
        if kind is dict:
            return self._object(value, depth - 1) if depth else _LEFT_OUT
        if kind is list:
            return self._list(value, name, depth - 1) if depth else _LEFT_OUT
        known = _NOT_IN_NAMES.sub("", name[:50].lower())
        if known in _PERSONAL and value is not None and kind is not bool:
            return _personal(str(value), self._counts)
        if kind is not str:
            return redact_nested(value, self._counts)
        return self._text(value, known)

    def _object(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        reduced: dict[str, Any] = {}
        for name, item in value.items():
            if self._left <= 0:
                reduced[unused_name(_LEFT_OUT, reduced)] = _LEFT_OUT
                break
            shown = self._redacted(name) if is_suspicious(name) else name
            self._left -= len(shown)
            reduced[unused_name(encodable(shown), reduced)] = self.reduced(item, name, depth)
        return reduced

    def _list(self, items: list[Any], name: str, depth: int) -> list[Any]:
        reduced: list[Any] = []
        for item in items:
            if self._left <= 0:
                reduced.append(_LEFT_OUT)
                break
            reduced.append(self.reduced(item, name, depth))
        return reduced

    def _text(self, text: str, known_name: str) -> Any:
        if known_name in _USER_AGENTS or text.startswith("Mozilla/"):
            return classify(text)._asdict()
        if len(text) > self._left:
            # Cut before it is redacted, so that the work is bounded, and again where it may have cut something.
            text = _without_cut_word(text[: self._left])
        if known_name in _REFERRERS or (known_name in _PAGES and "://" in text):
            text = strip_url(text, self._allowed)
        elif known_name in _PAGES:
            text = read_page(text, self._allowed).page
        text = self._redacted(text) if is_suspicious(text) else text
        self._left -= len(text)
        return encodable(text)

    def _redacted(self, text: str) -> str:
        return redact(text, self._counts, self._allowed)


def reduced_body(
    body: bytes, allowed_parameters: Collection[str], counts: Counter[str], size: int | None = None
) -> bytes:
    """A body that could not be read as events, or the beginning of one of so many bytes."""
    readable = _decompressed(body)
    text = readable.decode(errors="replace")
    if max(len(readable), size or 0) > MAX_BODY_BYTES:
        text = _without_cut_word(text[:MAX_BODY_BYTES])
    text = _ESCAPE.sub(_unescaped, text)
    text = _ESCAPED_SLASH.sub("/", text)
    text = _FIELD.sub(lambda found: _without_personal_value(found, counts), _without_user_agents(text))
    return redact(text, counts, allowed_parameters).encode()


def _decompressed(body: bytes) -> bytes:
    """What can be read of a compressed body, as far as it is kept."""
    if not body.startswith(_GZIP_BEGINNING):
        return body[: MAX_BODY_BYTES + 1]
    try:
        return zlib.decompressobj(_GZIP).decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        return b""


def _without_cut_word(text: str) -> str:
    """A text that was cut, without what may be half of a number, an address or a token."""
    end = max(text.rfind(mark, max(0, len(text) - 2_000)) for mark in '",\n')
    return text[: end + 1] if end >= 0 else text.rpartition(" ")[0].rstrip("0123456789 .-")


def _without_personal_value(found: re.Match[str], counts: Counter[str]) -> str:
    if _NOT_IN_NAMES.sub("", found[1].lower()) not in _PERSONAL:
        return found[0]
    value = _personal(found[2].strip("\\\"'"), counts)
    return f'{found[0][: found.start(2) - found.start()]}"{value}"'


def _personal(value: str, counts: Counter[str]) -> str:
    """The value of a field whose name says what it is: what its form says too, else nothing of it."""
    redacted = redact(value[:_MAX_VALUE], counts)
    return redacted if _PLACEHOLDER.fullmatch(redacted) else _REMOVED


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return found[0] if character in '"\\' or not character.isprintable() else character


def _without_user_agents(text: str) -> str:
    """With the classes of user agents, also of those that only their name tells."""
    return _USER_AGENT.sub(lambda found: f"{found[1]}{_classes(found[2])}", text)


def _classes(user_agent: str) -> str:
    device = classify(user_agent)
    return f"[{device.browser}, {device.system}, {device.kind}]"


def encodable(text: str) -> str:
    """Lone surrogates have no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
