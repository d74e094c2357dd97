"""When an event happened: what the client says, put right where its clock is shown to be wrong."""

from datetime import UTC, datetime, timedelta

# Beyond these an event's own time is flagged, in milliseconds around the time of receipt.
AHEAD_MS = 10 * 60_000
PAST_MS = 10 * 60_000
# What the way from the client may take; a larger difference is the clock's.
SKEW_MS = 5_000
# The whole range that every reader of the timestamp can hold: the years 2000 to 2099.
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_800_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def read(text: object) -> int | None:
    """A moment in ISO 8601 with an offset, in milliseconds since 1970; None for anything else."""
    if type(text) is not str:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment - _EPOCH) // _MILLISECOND if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def is_in_range(moment: int) -> bool:
    """Whether a moment lies in the years 2000 to 2099."""
    return _FIRST_MS <= moment < _LAST_MS


def placed(occurred_at: int, sent_at: int | None, received_at: int) -> tuple[int, str]:
    """When an event happened by the collector's clock, and how far to trust it (`time_flag`).

    Clients tell `sent_at` by the clock that told `occurred_at`: what one is off, the other is too.
    """
    if sent_at is not None and occurred_at <= sent_at and abs(received_at - sent_at) > SKEW_MS:
        occurred_at += received_at - sent_at
    if occurred_at > received_at + AHEAD_MS:
        return received_at, "clamped"
    return occurred_at, "past" if occurred_at < received_at - PAST_MS else "ok"
