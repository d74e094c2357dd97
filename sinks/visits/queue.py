"""The queue of what visits have to be derived for. Entries are added in the transaction that changes rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

from sinks.sql import read_statements
from sinks.sql.event_ids import EventIds

_SQL = read_statements(__name__)
# Of statements that remove rows.
ADD_REMOVED = _SQL["removed"]
_START_AGAIN = (
    "forget_visits",
    "forget_parts",
    "forget_floods",
    "forget_recounts",
    "forget_ranges",
    "add_all_rows",
)


def add_landed(connection: psycopg.Connection, event_ids: Sequence[bytes]) -> None:
    """Add the rows of a batch, in their transaction."""
    connection.execute(_SQL["add_landed"], {"events": len(event_ids), "ids": EventIds(event_ids)})


def use_gap(connection: psycopg.Connection, gap: timedelta) -> bool:
    """Derive with this gap. If it is another one than before, all visits are derived again; return whether."""
    with connection.transaction():
        connection.execute(_SQL["lock"])
        if connection.execute(_SQL["set_gap"], {"gap": gap}).rowcount == 0:
            return False
        for statement in _START_AGAIN:
            connection.execute(_SQL[statement])
    return True


def forget_keys(connection: psycopg.Connection, users: Sequence[bytes], visitors: Sequence[bytes]) -> None:
    """Remove the links of these users and visitors. The next step tells which are facts still, of later events."""
    connection.execute(_SQL["forget_keys"], {"users": list(users), "visitors": list(visitors)})


def behind_seconds(connection: psycopg.Connection) -> float:
    """Age of the oldest rows that visits do not know of; 0 if there are none."""
    return float((connection.execute(_SQL["behind"]).fetchone() or (0.0,))[0])


def drop_before(connection: psycopg.Connection, moment: datetime) -> None:
    """Remove what occurred before, as its rows are dropped, in the same transaction."""
    connection.execute(_SQL["wait_longer"])
    connection.execute(_SQL["lock"])
    connection.execute(_SQL["set_oldest"], {"moment": moment})
    for statement in ("drop_visits", "drop_parts", "drop_links", "drop_floods", "touch_cut"):
        connection.execute(_SQL[statement], {"moment": moment})
