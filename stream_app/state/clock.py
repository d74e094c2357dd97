"""The clock of a partition: the newest append time, as far as it can be believed. No I/O.

Kafka's append time is the clock, so that nobody's clock but the brokers' moves it; and those may be wrong too. A
time that lies far ahead would end windows and rates for everybody until the real time has caught up. So a jump
needs a second witness: the time when the collector received the event, or the records that follow.
"""

from dataclasses import dataclass

# Append times within this of the clock are believed. It is also how far windows may be ahead of the clock.
MAX_JUMP_MS = 600_000
# So many strange records in a row are believed. A few liars in a row cannot move the clock, and a clock that was
# moved wrongly comes back soon.
CONFIRMATIONS = 20
# No reader can represent times after the year 9999.
_LAST_MS = 253_402_300_800_000


@dataclass(frozen=True, slots=True)
class Doubt:
    """Records in a row whose append time was not believed, and the offset of the last one."""

    records: int = 0
    offset: int = -1


NO_DOUBT = Doubt()


def next_time(
    now: int, appended_at: int, received_at: int | None, doubt: Doubt, previous: int, offset: int
) -> tuple[int, Doubt]:
    """The clock after a record that was appended more than MAX_JUMP_MS before or after `now`.

    `received_at` is when the collector received the event, None if the record is not an event; `previous` is the
    offset of the record before. Times are milliseconds since 1970, 0 is a clock that was never set.
    """
    if appended_at > now and received_at is not None:
        # Both clocks say at least this.
        witnessed = min(appended_at, received_at)
        if witnessed > now:
            return (appended_at if appended_at - witnessed <= MAX_JUMP_MS else witnessed), NO_DOUBT
        if now - witnessed <= MAX_JUMP_MS:
            return now, NO_DOUBT
    records = doubt.records + 1 if doubt.offset == previous else 1
    if 0 < appended_at < _LAST_MS and (records >= CONFIRMATIONS or not now):
        return appended_at, NO_DOUBT
    return now, Doubt(records, offset)
