"""The keys of users, visitors and sessions: 16 bytes, on topics as text of 32 hex digits that every tool shows."""

from binascii import Error, unhexlify

KEY_SIZE = 16
DIGITS = 2 * KEY_SIZE


def record_key(key: bytes | None) -> bytes | None:
    """The key of the records of a user, a visitor or a session."""
    return None if key is None else key.hex().encode()


def user_key_of(key: bytes | None) -> bytes | None:
    """The key of the user, visitor or session of a record; None if the record has none that is ours."""
    if key is None or len(key) != DIGITS:
        return None
    try:
        return unhexlify(key)
    except Error:
        return None
