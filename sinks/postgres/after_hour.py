"""Rows that land when the hour of their ids is over. Who has copied that hour finds by these ids what it lacks."""

from collections.abc import Sequence

import psycopg

from sinks.retention.partitions import HOUR_MS
from sinks.sql import read_statements
from sinks.sql.event_ids import EventIds

_SQL = read_statements(__name__)

# Hours are copied two minutes after their end at the earliest. Clocks may differ by the half.
_GRACE_MS = 60_000
# While landing is behind, most rows are such: to copy their hours again takes less than to look for ids.
_MAX_SHARE, _MAX_OF_SMALL_BATCH = 0.5, 100


def add(connection: psycopg.Connection, event_ids: Sequence[bytes], now_ms: int) -> None:
    """Note those of a batch that landed, in its transaction."""
    if ids := after_hour(event_ids, now_ms):
        connection.execute(_SQL["add"], {"ids": EventIds(ids)})


def after_hour(event_ids: Sequence[bytes], now_ms: int) -> Sequence[bytes]:
    """The ids whose hour is over; none if they are most of a large batch."""
    open_from = ((now_ms - _GRACE_MS) // HOUR_MS * HOUR_MS).to_bytes(6, "big")
    ids = [each for each in event_ids if each < open_from]
    return ids if len(ids) <= max(_MAX_OF_SMALL_BATCH, _MAX_SHARE * len(event_ids)) else []
