"""Readers that take a few fields out of an Avro value and skip the rest.

To decode a whole event costs more than twice as much as a count needs. So a function is generated per schema:
straight code that walks the bytes, returns what is wanted and checks what it skips. Where that is cheaper it is
stricter than Avro, for example with times: a value that it rejects may still be valid, and the codec decides.
"""

import struct
from binascii import unhexlify
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from avro_schemas.schema import Definition, Schema, is_json, latest
from avro_schemas.wire.codec import PREFIX_SIZE

# What a reader raises for a value that it cannot read.
UNREADABLE = (ValueError, IndexError, struct.error)

Group = tuple[Any, ...]
Reader = Callable[[bytes], tuple[Group, ...]]

_EIGHT = struct.Struct("<Q")
_MAX_VARINT = 10
# In eight bytes: more follow after each of the first five, and the sixth is the last. Times have this form.
_SIX_BYTES, _SIX_BYTES_MASK = 0x008080808080, 0x808080808080
_FIXED = {"float": 4, "double": 8, "boolean": 1}


def projection(
    schema: Schema, groups: Sequence[Sequence[str]], *, times: Collection[str] = (), keys: Collection[str] = ()
) -> Reader:
    """A function from a value of `schema` to a tuple per group, with the fields of these dotted names.

    A field that this version does not have yet has its default from the newest version. JSON texts are bytes. The
    fields in `times`, wanted or not, must be milliseconds since 1970 between 1970-07 and 2039, which take six
    bytes; those in `keys` must be 32 hex digits, and are returned as the 16 bytes that these name.
    """
    writer = _Source(schema, {path for group in groups for path in group}, times, keys)
    writer.record(schema.wire, latest()[schema.name].wire, "")
    found = ", ".join("(" + "".join(f"{writer.found[path]}, " for path in group) + ")" for group in groups)
    writer.line(f"if i != size: raise ValueError('bytes after the record')\n    return {found},")
    scope: dict[str, Any] = {
        "long_length": _long_length,
        "long_number": _long_number,
        "eight": _EIGHT.unpack_from,
        "unhexlify": unhexlify,
        "constants": writer.constants,
    }
    exec(compile(writer.text, f"<projection of {schema.name}.v{schema.version}>", "exec"), scope)
    reader: Reader = scope["read"]
    return reader


class _Source:
    """The source of a reader. In it `i` is the position; `found` has the expression of each wanted field."""

    def __init__(self, schema: Schema, wanted: set[str], times: Collection[str], keys: Collection[str]) -> None:
        self.text = f"def read(value, i={PREFIX_SIZE}):\n    size = len(value)\n"
        self.found: dict[str, str] = {}
        self.constants: list[Any] = []
        self._wanted, self._times, self._keys = wanted, times, keys
        # Whether the field that is read is one of these.
        self._is_time = self._is_key = False
        self._indent = 1
        self._name = schema.name

    def line(self, text: str) -> None:
        """Add a statement."""
        self.text += "    " * self._indent + text + "\n"

    def record(self, written: Definition, read: Definition, path: str) -> None:
        """Read the wanted fields of a record, also those of records inside it, and skip the others."""
        fields = {field["name"]: field for field in read["fields"]}
        for field in written["fields"]:
            name = path + field["name"]
            expected = fields.pop(field["name"], field)["type"]
            if _is(field["type"], "record"):
                self.record(field["type"], expected, name + ".")
            else:
                self._is_time, self._is_key = name in self._times, name in self._keys
                self._value(field["type"], self._variable(name))
        for name, field in fields.items():
            if path + name in self._wanted:
                self.found[path + name] = self._constant(field["default"])

    def _variable(self, path: str) -> str | None:
        if path not in self._wanted:
            return None
        return self.found.setdefault(path, f"v{len(self.found)}")

    def _constant(self, value: Any) -> str:
        self.constants.append(value)
        return f"constants[{len(self.constants) - 1}]"

    def _value(self, kind: Any, target: str | None) -> None:
        """Read a value into a variable, or skip it if there is none."""
        if isinstance(kind, list):
            _null, other = kind
            self._optional(other, target)
            return
        name = kind if isinstance(kind, str) else kind["type"]
        if self._is_key:
            self._key(target)
        elif name == "string":
            self._text(target, is_json=is_json(kind))
        elif name in ("int", "long"):
            self._number(target)
        elif name in _FIXED:
            self._fixed(name, target)
        else:
            raise NotImplementedError(f"{self._name}: a projection cannot skip {name} yet")

    def _byte(self) -> None:
        self.line("n = value[i]; i += 1")

    def _text(self, target: str | None, *, is_json: bool) -> None:
        self.line("n = value[i]")
        # If odd, the length is negative. If above 127, it has more bytes.
        self.line("if n & 129: n, i = long_length(value, i)")
        self.line("j = i + 1 + (n >> 1)")
        if target and not is_json:
            self.line(f"{target} = str(value[i + 1 : j], 'utf-8')")
        else:
            taken = target or "w"
            self.line(f"{taken} = value[i + 1 : j]")
            self.line(f"if not {taken}.isascii(): str({taken}, 'utf-8')")
        self.line("i = j")

    def _number(self, target: str | None) -> None:
        shifted = " | ".join(f"(w & {0x7F << 8 * n}) >> {n}" for n in range(1, 6))
        if self._is_time:
            self.line("w = eight(value, i)[0]; i += 6")
            self.line(f"if w & {_SIX_BYTES_MASK | 1} != {_SIX_BYTES}: raise ValueError('not a time of six bytes')")
            if target:
                self.line(f"{target} = (w & 127 | {shifted}) >> 1")
            return
        if not target:
            self.line("while value[i] & 128: i += 1")
            self.line("i += 1")
            return
        self.line("n = value[i]")
        self.line("if n < 128: i += 1")
        with self._block("else:"):
            self.line("w = eight(value, i)[0] if i + 8 <= size else 0")
            with self._block(f"if w & {_SIX_BYTES_MASK} == {_SIX_BYTES}:"):
                self.line(f"n = w & 127 | {shifted}; i += 6")
            self.line("else: n, i = long_number(value, i)")
        self.line(f"{target} = n >> 1 ^ -(n & 1)")

    def _optional(self, kind: Any, target: str | None) -> None:
        self._byte()
        with self._block("if n == 0:"):
            self.line(f"{target} = None" if target else "pass")
        with self._block("elif n == 2:"):
            self._value(kind, target)
        self.line("else: raise ValueError('no such branch')")

    def _key(self, target: str | None) -> None:
        self.line("j = i + 33; w = unhexlify(value[i + 1 : j])")
        self.line("if value[i] != 64: raise ValueError('not a key')")
        self.line(f"{target} = w; i = j" if target else "i = j")

    def _fixed(self, name: str, target: str | None) -> None:
        if target:
            form = {"float": "<f", "double": "<d", "boolean": "?"}[name]
            self.line(f"{target} = {self._constant(struct.Struct(form).unpack_from)}(value, i)[0]")
        self.line(f"i += {_FIXED[name]}")

    @contextmanager
    def _block(self, head: str) -> Iterator[None]:
        self.line(head)
        self._indent += 1
        yield
        self._indent -= 1


def _is(kind: Any, name: str) -> bool:
    return isinstance(kind, dict) and kind["type"] == name


def _long_number(value: bytes, i: int) -> tuple[int, int]:
    """The zigzag number at `i`, and the position after it."""
    number = shift = 0
    for n in value[i : i + _MAX_VARINT]:
        number |= (n & 127) << shift
        i, shift = i + 1, shift + 7
        if n < 128:
            return number, i
    raise ValueError("not a number")


def _long_length(value: bytes, i: int) -> tuple[int, int]:
    """The zigzag length at `i`, and the position of its last byte."""
    number, i = _long_number(value, i)
    if number & 1:
        raise ValueError("a negative length")
    return number, i - 1
