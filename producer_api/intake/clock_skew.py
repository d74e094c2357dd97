"""When an event occurred: the time that the client gives, corrected if its clock is wrong."""

import re
from datetime import UTC, datetime, timedelta

# An event's own time is flagged outside these limits, in milliseconds around the time of receipt.
MAX_AHEAD_MS = 10 * 60_000
MAX_AGE_MS = 10 * 60_000
# A request may take this long to arrive. If the difference is larger, the client's clock is wrong.
MAX_TRANSIT_MS = 5_000
TIMESTAMP_FORMAT = "ISO 8601 with an offset, such as 2024-01-15T10:30:00Z"
TIMESTAMP_RANGE = "a time in the years 2000 to 2099"
SENT_AT_RANGE = "a time in the years 1970 to 2099"
# The range that every reader of a timestamp can represent.
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_800_000

_RARE_FORM = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:)(\d\d)((?:\.\d{1,12})?(?:[Zz]|[+-]\d\d:\d\d))", re.ASCII)
# How exactly the clock of a client is known, so that an event that is sent again gets the same id again.
_ID_STEP_MS = 3_600_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_timestamp(text: object) -> int | None:
    """A time in ISO 8601 with an offset, in milliseconds since 1970; None for anything else."""
    if type(text) is not str:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _parse_rare_form(text)
    try:
        return (moment - _EPOCH) // _MILLISECOND if moment.tzinfo else None
    except OverflowError:
        return None


def _parse_rare_form(text: str) -> int | None:
    """What RFC 3339 allows and Python does not read: a small z, and second 60, which begins the next minute."""
    found = _RARE_FORM.fullmatch(text)
    if not found:
        return None
    start, second, rest = found.groups()
    if second == "60":
        moment = parse_timestamp(f"{start}59{rest.upper()}")
        return None if moment is None else moment - moment % 1000 + 1000
    return parse_timestamp(f"{start}{second}{rest.upper()}") if rest != rest.upper() else None


def is_in_range(timestamp: int) -> bool:
    """Whether a time is in the years 2000 to 2099."""
    return _FIRST_MS <= timestamp < _LAST_MS


def is_sent_at(timestamp: int) -> bool:
    """Whether a time may be `sent_at`: a clock that nobody has set begins in 1970, 1980 or 2000."""
    return 0 <= timestamp < _LAST_MS


def by_our_clock(occurred_at: int, sent_at: int | None, received_at: int) -> int:
    """The same moment by the collector's clock, as far as `sent_at` shows how wrong the client's is.

    Of an event that is sent at once, `sent_at` may have been read first.
    """
    if sent_at is None or occurred_at > sent_at + MAX_TRANSIT_MS or abs(received_at - sent_at) <= MAX_TRANSIT_MS:
        return occurred_at
    return occurred_at + received_at - sent_at


def corrected(occurred_at: int, sent_at: int | None, received_at: int) -> tuple[int, str]:
    """When an event occurred by the collector's clock, and how far to trust it (`time_flag`).

    Clients read `sent_at` from the same clock as `occurred_at`, so both are wrong by the same amount. Where that
    cannot be, as the result lies before the year 2000, the two were read from different clocks, and neither tells.
    """
    occurred_at = by_our_clock(occurred_at, sent_at, received_at)
    if not _FIRST_MS <= occurred_at <= received_at + MAX_AHEAD_MS:
        return received_at, "clamped"
    return occurred_at, "past" if occurred_at < received_at - MAX_AGE_MS else "ok"


def corrected_id_time(made_at: int, sent_at: int | None, received_at: int) -> int:
    """When an id was made by the collector's clock, if the client's is wrong.

    The correction is in whole hours: by that clock, a repeat of the event arrives a little earlier or later, and
    has to get the same id.
    """
    if sent_at is None or made_at > sent_at + MAX_TRANSIT_MS:
        return made_at
    return made_at + (received_at - sent_at) // _ID_STEP_MS * _ID_STEP_MS
