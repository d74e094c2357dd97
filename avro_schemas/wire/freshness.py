"""Which events the stream app can judge by the log of its partition alone: one rule for it and for the sinks.

A fresh event is so young that each fresh copy of it in the same partition is within the dedup window. The first
copy of an older one may have left the window. It is uncertain: only Postgres, which has one row per id, knows
whether it is new.
"""

# The dedup window is a minute longer: fresh copies of an id are at most that far apart.
MAX_AGE_MS = 240_000
MAX_AHEAD_MS = 60_000


def is_fresh(id_time: int, received_at: int, appended_at: int) -> bool:
    """By the time inside the id, of receipt, and of Kafka's append, all in milliseconds since 1970."""
    return appended_at - id_time <= MAX_AGE_MS and id_time - MAX_AHEAD_MS <= (
        received_at if received_at < appended_at else appended_at
    )
