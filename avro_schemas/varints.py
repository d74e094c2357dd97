"""Avro's whole numbers: zigzag, then seven bits per byte, the lowest first."""

import struct

_SHORT = 8_192
_SIX = struct.Struct("6B")


def long(number: int) -> bytes:
    """A number of at most 64 bits as Avro writes an int or a long."""
    zigzag = (number << 1) ^ (number >> 63)
    if 1 << 35 <= zigzag < 1 << 42:  # six bytes: milliseconds since 1970, from 1970-07 to 2039
        return _SIX.pack(
            zigzag & 0x7F | 0x80,
            zigzag >> 7 & 0x7F | 0x80,
            zigzag >> 14 & 0x7F | 0x80,
            zigzag >> 21 & 0x7F | 0x80,
            zigzag >> 28 & 0x7F | 0x80,
            zigzag >> 35,
        )
    written = bytearray()
    while zigzag > 0x7F:
        written.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    written.append(zigzag)
    return bytes(written)


_LENGTHS = tuple(long(number) for number in range(_SHORT))


def length(number: int) -> bytes:
    """As `long`, for numbers from 0 on; the usual lengths come from a table."""
    return _LENGTHS[number] if number < _SHORT else long(number)
