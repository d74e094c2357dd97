"""Event ids: `evt_` and the 32 hex digits of a UUIDv7 (RFC 9562), which begins with a time."""

import re
from uuid import UUID

RANDOM_BYTES = 10

# The two upper bits of this digit are fixed, the two lower ones stay random.
_VARIANT = {f"{digit:x}": "89ab"[digit % 4] for digit in range(16)}
_PATTERN = re.compile(r"evt_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")


def generate(now: int, random: bytes) -> str:
    """An id for the moment `now` (milliseconds since 1970) from ten random bytes."""
    return from_prefix(prefix(now), random)


def prefix(now: int) -> str:
    """What all ids of a moment (milliseconds since 1970) begin with."""
    return f"evt_{now:012x}7"


def from_prefix(id_prefix: str, random: bytes) -> str:
    """An id from its prefix and ten random bytes."""
    digits = random.hex()
    return f"{id_prefix}{digits[2:5]}{_VARIANT[digits[1]]}{digits[5:]}"


def is_valid(event_id: str) -> bool:
    """Whether this has the form of an id: lower case, version 7, RFC variant."""
    return _PATTERN.fullmatch(event_id) is not None


def timestamp_ms(event_id: str) -> int:
    """The time inside a valid id, in milliseconds since 1970."""
    return int(event_id[4:16], 16)


def at_time(event_id: str, moment: int) -> str:
    """The id with the same random part and another time, in milliseconds since 1970."""
    return f"evt_{moment:012x}{event_id[16:]}"


def to_uuid(event_id: str) -> UUID:
    """The UUID inside a valid id."""
    return UUID(int=int(event_id[4:], 16))


def from_bytes(uuid: bytes) -> str:
    """The id of the UUID with these 16 bytes."""
    return "evt_" + uuid.hex()
