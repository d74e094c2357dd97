"""Which windows take an event, by the clock of a partition. No I/O.

Times are milliseconds since 1970. `slot` is the start of the slot of ten seconds that the clock is in.
"""

from avro_schemas.live_aggregates import HOUR_MS, MINUTE_MS
from stream_app.state.event_reader import CountedEvent

# Windows are emitted before the clock has gone on by this, and events are counted in windows whose hour began
# within HELD_MS: so none leaves the ring of 128 minutes before it was emitted as it is, however long we were away.
EMIT_WITHIN_MS = 6 * MINUTE_MS
HELD_MS = 110 * MINUTE_MS
# The moment of an event that cannot have happened yet: no window is open for it.
NEVER = -1


def closed_before(now: int, grace_ms: int) -> int:
    """Minutes that ended at least the grace period before `now` are closed: the start of the first open one."""
    open_at = now - grace_ms - MINUTE_MS
    return open_at - open_at % MINUTE_MS + MINUTE_MS


def is_held(moment: int, slot: int) -> bool:
    """Whether the windows of a moment may still change."""
    return moment - moment % HOUR_MS >= slot - HELD_MS


def is_open(event: CountedEvent, slot: int, grace_ms: int) -> bool:
    """Whether the event counts in its windows.

    It does if they were open when the collector received it, however long it was held on its way, and if we hold
    them still.
    """
    if event.moment >= closed_before(slot, grace_ms):
        return True
    return event.moment >= closed_before(event.received, grace_ms) and is_held(event.moment, slot)
