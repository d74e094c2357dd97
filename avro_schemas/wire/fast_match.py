"""Recognize values of the usual shape, and cut fields out of them, with one regular expression per schema.

Most values of a schema look alike: short texts in ASCII, times between 1970 and 2039. A regular
expression that is generated from the schema recognizes such a value and cuts the wanted fields out of it, three
times as fast as Python code that walks the bytes. It matches nothing but whole values. A value that it does not
match may still be valid, and must be read another way.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from avro_schemas.record_key import DIGITS
from avro_schemas.schema import Definition, Schema, is_json

Parts = tuple[bytes | None, ...]


def _one_of(numbers: Iterable[int]) -> bytes:
    return b"[" + b"".join(map(_byte, numbers)) + b"]"


def _byte(number: int) -> bytes:
    return re.escape(bytes([number]))


def _sized(one: bytes, *, second_bytes: range = range(0)) -> bytes:
    """A length and as many bytes of one kind: up to 63 of them, or more with lengths of two bytes."""
    short = (_byte(2 * size) + one + b"{%d}" % size for size in range(64))
    longer = (
        _byte(128 | 2 * low)
        + b"(?:"
        + b"|".join(_byte(high) + one + b"{%d}" % (64 * high + low) for high in second_bytes)
        + b")"
        for low in range(64 if second_bytes else 0)
    )
    return b"(?:" + b"|".join((*short, *longer)) + b")"


# Milliseconds since 1970, from 1970-07 to 2039, take six bytes. In two pieces: the second one changes rarely.
TIME_PIECES = _one_of(range(128, 256, 2)) + rb"[\x80-\xff]", rb"[\x80-\xff]{3}[\x00-\x7f]"
TIME = b"".join(TIME_PIECES)
_MAX_CACHED_PIECES = 10_000
_FORMS = {
    "null": b"",
    "boolean": rb"[\x00\x01]",
    "int": rb"[\x80-\xff]{0,4}[\x00-\x7f]",
    "long": rb"[\x80-\xff]{0,8}[\x00-\x7f]",
    "float": rb".{4}",
    "double": rb".{8}",
}
# The key of a user, a visitor or a session: its length, and hex digits.
KEY_PIECES = _byte(2 * DIGITS), rb"[0-9a-f]{%d}" % DIGITS
KEY = b"".join(KEY_PIECES)
# Up to 63 bytes, or up to 191: each length is a branch of its own, which takes time to compile.
SHORT_TEXT = _sized(rb"[\x00-\x7f]")
_TEXT = _sized(rb"[\x00-\x7f]", second_bytes=range(1, 3))
# Up to 511 bytes.
_JSON_TEXT = _sized(rb"[\x00-\x7f]", second_bytes=range(1, 8))


class FastMatcher:
    """Matches values of a schema that have the usual shape; `match` takes a whole value, with its prefix.

    `groups` are the wanted fields, by dotted name, under the name of the group that captures them. `forms` are
    patterns for fields that need one of their own; they may name groups too.

    With `stop` only so many fields are matched, and the bytes of all others are the group `rest`. Those are what
    another matcher takes, which begins there: with `start`.
    """

    def __init__(
        self,
        schema: Schema,
        groups: Mapping[str, Sequence[str]],
        forms: Mapping[str, bytes],
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        self._group_of = {path: name for name, paths in groups.items() for path in paths}
        self._forms = forms
        prefix = b"" if start else re.escape(schema.prefix)
        fields = b"".join(self._fields(list(_leaves(schema.wire))[start:stop]))
        rest = b"" if stop is None else b"(?P<rest__>.*)"
        self._pattern = re.compile(prefix + fields + rest + rb"\Z", re.DOTALL)
        self.match = self._pattern.match

    def extractor(self, *names: str) -> Callable[[Parts], Any]:
        """A function from the groups of a match to the bytes of these: a value, or a tuple if not exactly one."""
        places = [
            place - 1
            for name in names
            for found, place in self._pattern.groupindex.items()
            if found.rsplit("__", 1)[0] == name
        ]
        return itemgetter(*places) if places else lambda _parts: ()

    def has(self, name: str) -> bool:
        """Whether the group captures anything."""
        return any(found.rsplit("__", 1)[0] == name for found in self._pattern.groupindex)

    def _fields(self, fields: Sequence[tuple[str, Any]]) -> Iterator[bytes]:
        """The patterns of fields. Neighbouring fields of the same group share a group of the pattern."""
        neighbours = groupby(fields, key=lambda leaf: self._group_of.get(leaf[0]))
        for number, (name, leaves) in enumerate(neighbours):
            pattern = b"".join(self._field(path, kind) for path, kind in leaves)
            yield b"(?P<%b__%d>%b)" % (name.encode(), number, pattern) if name else pattern

    def _field(self, path: str, kind: Any) -> bytes:
        form = self._forms.get(path)
        if form is None:
            return _form(kind)
        return rb"(?:\x00|\x02%b)" % form if isinstance(kind, list) else form


def field_names(schema: Schema) -> list[str]:
    """Dotted name of every field that is not a record."""
    return [name for name, _kind in _leaves(schema.wire)]


def _leaves(definition: Definition, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and type of every field that is not a record."""
    for field in definition["fields"]:
        kind = field["type"]
        if isinstance(kind, dict) and kind["type"] == "record":
            yield from _leaves(kind, f"{path}{field['name']}.")
        else:
            yield path + field["name"], kind


def _form(kind: Any) -> bytes:
    if isinstance(kind, list):
        return b"(?:" + b"|".join(_byte(2 * number) + _form(each) for number, each in enumerate(kind)) + b")"
    if isinstance(kind, str):
        return _TEXT if kind == "string" else _FORMS[kind]
    return _JSON_TEXT if is_json(kind) else _FORMS[kind["type"]]


class _TimePieces(dict[bytes, int]):
    """What a piece of a time, a zigzag varint, adds to its value; `shift` is that of its first byte."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self._shift = shift

    def __missing__(self, piece: bytes) -> int:
        if len(self) >= _MAX_CACHED_PIECES:
            self.clear()
        number = sum((byte & 127) << self._shift + 7 * place for place, byte in enumerate(piece))
        self[piece] = number >> 1
        return number >> 1


# The values of the two pieces of a time; it is their sum.
LOW_PIECE, HIGH_PIECE = _TimePieces(0), _TimePieces(14)
