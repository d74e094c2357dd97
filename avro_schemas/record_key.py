"""The keys of Kafka records: a user or session key as 32 hex digits, so that every tool can read and show them."""

from binascii import Error, unhexlify

_DIGITS = 32


def record_key(key: bytes | None) -> bytes | None:
    """The key of the records of a user or a session."""
    return None if key is None else key.hex().encode()


def user_key_of(key: bytes | None) -> bytes | None:
    """The key of the user or session of a record.

    Before keys became text they were that key itself. Such a key, and any other, is returned as it is.
    """
    if key is None or len(key) != _DIGITS:
        return key
    try:
        return unhexlify(key)
    except Error:
        return key
