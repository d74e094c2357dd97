"""Sketches of how many different keys there were: HyperLogLog as Apache DataSketches writes it (`HLL_8`).

Few keys are their hashes, so their number is exact; more are registers. Either way a sketch depends on its keys
alone, neither on their order nor on how often each came.
"""

import math
import struct
from collections.abc import Iterable
from itertools import chain
from typing import Self

import mmh3

from avro_schemas.live_aggregates import LG_REGISTERS

# Of the format: the seed of the hash, and a hash as the place (26 bits) and the value (6 bits) of a register.
_SEED = 9001
_PLACE_BITS, _PLACES = 26, (1 << 26) - 1
_MAX_VALUE = 63
_VALUES = bytes(range(_MAX_VALUE + 1))
_REGISTERS = 1 << LG_REGISTERS
# More hashes than these are registers.
MAX_EXACT = 192

# The first bytes: their number in fours, version, family, size; room for hashes, flags, what differs, mode.
_LIST, _SET, _REGISTER_MODE = 0x08, 0x09, 0x0A
_COMPACT, _OUT_OF_ORDER = 0x08, 0x10
_VERSION_AND_FAMILY = bytes([1, 7, LG_REGISTERS])
_HEAD = struct.Struct("<8B")
# Of registers: an estimate, left to readers, sums of 2**-value below and from 32 on, empty ones, exceptions.
_REGISTER_HEAD = struct.Struct("<8B3dii")
_MAX_LIST, _MIN_LG_ROOM, _MAX_LOAD = 7, 5, 0.75
_LARGE_VALUE = 32

# One bit above each register, to compare all of them at once.
_ONES = int.from_bytes(b"\x01" * _REGISTERS, "little")
_TOPS = _ONES << 7


class NotASketch(ValueError):
    """Bytes that are not a sketch of this size and kind."""


class KeySketch:
    """The keys that were added."""

    __slots__ = ("_hashes", "_registers")

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        self._hashes: set[int] = set()
        self._registers: bytearray | None = None
        self._add_hashes(hashes)

    @classmethod
    def of_registers(cls, registers: bytes) -> Self:
        """A sketch with these registers."""
        sketch = cls()
        sketch._registers = bytearray(registers)
        return sketch

    def add(self, keys: Iterable[bytes]) -> None:
        """Add keys."""
        hash_of, seed = mmh3.mmh3_x64_128_uintdigest, _SEED
        hashes = []
        for key in keys:
            found = hash_of(key, seed)
            # One more than the zeros that its first half begins with.
            value = min(129 - max(found.bit_length(), 64), _MAX_VALUE)
            hashes.append(value << _PLACE_BITS | found & _PLACES)
        self._add_hashes(hashes)

    def estimate(self) -> float:
        """About how many different keys there are; up to `MAX_EXACT` exactly."""
        if self._registers is None:
            return float(len(self._hashes))
        return _estimate(_counts(self._registers))

    def to_bytes(self) -> bytes:
        """As DataSketches reads it."""
        if self._registers is not None:
            return _write_registers(self._registers)
        hashes = sorted(self._hashes)
        number = len(hashes)
        body = struct.pack(f"<{number}I", *hashes)
        if number <= _MAX_LIST:
            return _HEAD.pack(2, *_VERSION_AND_FAMILY, 3, _COMPACT, number, _LIST) + body
        room = max(_MIN_LG_ROOM, math.ceil(math.log2(number / _MAX_LOAD)))
        head = _HEAD.pack(3, *_VERSION_AND_FAMILY, room, _COMPACT, 0, _SET)
        return head + struct.pack("<I", number) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote. Raise NotASketch."""
        if len(data) < _HEAD.size or data[1:4] != _VERSION_AND_FAMILY:
            raise NotASketch("not a HyperLogLog sketch of this size")
        mode = data[7]
        if mode == _REGISTER_MODE and len(data) == _REGISTER_HEAD.size + _REGISTERS:
            registers = data[_REGISTER_HEAD.size :]
            if not registers.translate(None, _VALUES):
                return cls.of_registers(registers)
        if mode == _LIST and len(data) == 8 + 4 * data[6]:
            return cls(struct.unpack_from(f"<{data[6]}I", data, 8))
        if (
            mode == _SET
            and len(data) >= 12
            and len(data) == 12 + 4 * (number := int.from_bytes(data[8:12], "little"))
        ):
            return cls(struct.unpack_from(f"<{number}I", data, 12))
        raise NotASketch("not a complete sketch")

    def _add_hashes(self, hashes: Iterable[int]) -> None:
        if self._registers is None:
            self._hashes.update(hashes)
            if len(self._hashes) <= MAX_EXACT:
                return
            self._registers = bytearray(_REGISTERS)
            hashes, self._hashes = self._hashes, set()
        registers = self._registers
        for each in hashes:
            place, value = each & _REGISTERS - 1, each >> _PLACE_BITS
            if value > registers[place]:
                registers[place] = value


def united(sketches: Iterable[KeySketch]) -> KeySketch:
    """A sketch of the keys that are in any of them."""
    sketches = list(sketches)
    registers = [bytes(sketch._registers) for sketch in sketches if sketch._registers is not None]
    hashes = chain.from_iterable(sketch._hashes for sketch in sketches)
    if not registers:
        return KeySketch(hashes)
    union = KeySketch.of_registers(_highest(registers))
    union._add_hashes(hashes)
    return union


def _highest(registers: list[bytes]) -> bytes:
    """The highest value of each register. They are bytes of one long number: a loop takes ten times as long."""
    highest = int.from_bytes(registers[0], "little")
    for other in registers[1:]:
        number = int.from_bytes(other, "little")
        # The top bit of a byte stays where the first number is not the smaller one; then it fills the byte.
        not_smaller = ((highest | _TOPS) - number & _TOPS) >> 7
        highest = number ^ (highest ^ number) & not_smaller * 0xFF
    return highest.to_bytes(_REGISTERS, "little")


def _counts(registers: bytes | bytearray) -> list[int]:
    """How many registers have each value."""
    counts, left = [0] * (_MAX_VALUE + 1), _REGISTERS
    for value in _VALUES:
        counts[value] = registers.count(value)
        left -= counts[value]
        if not left:
            break  # high values are rare
    return counts


def _write_registers(registers: bytearray) -> bytes:
    counts = _counts(registers)
    small = math.fsum(count * 2.0**-value for value, count in enumerate(counts[:_LARGE_VALUE]))
    large = math.fsum(count * 2.0**-value for value, count in enumerate(counts[_LARGE_VALUE:], _LARGE_VALUE))
    head = (10, *_VERSION_AND_FAMILY, 0, _COMPACT | _OUT_OF_ORDER, 0, _REGISTER_MODE)
    return _REGISTER_HEAD.pack(*head, 0.0, small, large, counts[0], 0) + registers


def _estimate(counts: list[int]) -> float:
    """The improved estimator of Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches (2017).

    It needs no table of corrections, and no second way of counting for small numbers.
    """
    total = _REGISTERS * _tau(1 - counts[_MAX_VALUE] / _REGISTERS)
    for count in reversed(counts[1:_MAX_VALUE]):
        total = (total + count) / 2
    total += _REGISTERS * _sigma(counts[0] / _REGISTERS)
    return _REGISTERS**2 / (2 * math.log(2)) / total


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in (0, 1):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x, before, y = math.sqrt(x), z, y / 2
        z -= (1 - x) ** 2 * y
    return z / 3
