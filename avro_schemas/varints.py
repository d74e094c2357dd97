"""Avro's whole numbers: zigzag, then seven bits a byte, the lowest first."""

_SHORT = 8_192


def long(number: int) -> bytes:
    """A number within 64 bits as Avro writes an int or a long."""
    zigzag = (number << 1) ^ (number >> 63)
    written = bytearray()
    while zigzag > 0x7F:
        written.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    written.append(zigzag)
    return bytes(written)


_LENGTHS = tuple(long(number) for number in range(_SHORT))


def length(number: int) -> bytes:
    """As `long`, from a table for what lengths mostly are."""
    return _LENGTHS[number] if number < _SHORT else long(number)
