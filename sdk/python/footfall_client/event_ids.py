"""Event ids: `evt_` and the 32 hex digits of a UUIDv7. Made once per event, so that repeats are recognized."""

import os
import time


def new_event_id() -> str:
    """An id for an event of now."""
    return event_id(time.time_ns() // 1_000_000, os.urandom(10))


def event_id(milliseconds: int, random: bytes) -> str:
    """An id from a time since 1970 and ten random bytes (RFC 9562)."""
    digits = random.hex()
    return f"evt_{milliseconds:012x}7{digits[:3]}{'89ab'[random[2] & 3]}{digits[5:]}"
