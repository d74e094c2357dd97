"""Times of records, for people. No I/O."""

from datetime import UTC, datetime

# The first millisecond of the year 10000: no later time can be represented.
END_MS = 253_402_300_800_000


def utc(milliseconds: int) -> datetime:
    """The time that a record names, in milliseconds since 1970.

    Foreign records name any number. Before 1970 and after 9999, this is the first or the last time that exists.
    """
    return datetime.fromtimestamp(min(max(milliseconds, 0), END_MS - 1) / 1000, UTC)
