"""Sums that show whether stored rows are those that landed: of their ids, and of what one in 256 holds.

A sum does not depend on the order, so batches and erasures add to it without knowing of each other. The hash of a
row costs a quarter of what writing it costs. The sample, chosen by eight random bits of the id, costs next to
nothing and still shows what happens to many rows. Of packed rows everything is hashed, a sum per block.
"""

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from uuid import UUID

import psycopg
from psycopg import sql

from sinks.columns import NAMES
from sinks.retention.partitions import day_of
from sinks.sql import read_statements

_SQL = read_statements(__name__)
# Columns that are added later are left out: with them, rows that are stored would no longer give the same numbers.
_HASHED = NAMES[: NAMES.index("utm_content") + 1]
# What a row holds, as a number; and the two sums over rows, as select list. The columns are those of raw_events.
CONTENT = sql.SQL("hash_record_extended(row({}), 0)").format(sql.SQL(", ").join(map(sql.Identifier, _HASHED)))
SUMS = _SQL["sums"].format(content=CONTENT)
_ADD_LANDED = _SQL["add_landed"].format(content=CONTENT)


def add_landed(connection: psycopg.Connection, event_ids: Sequence[bytes]) -> None:
    """Add rows that were just inserted to the sums of their days."""
    for day, ids in _by_day(event_ids):
        sampled = [UUID(bytes=event_id) for event_id in ids if not event_id[15]]
        connection.execute(_ADD_LANDED, {"day": day, "ids": id_sum(ids), "sampled": sampled})


def take_removed(connection: psycopg.Connection, day: date, ids: object, contents: object) -> None:
    """Take rows that were removed out of the sums of their day."""
    connection.execute(_SQL["take_removed"], {"day": day, "ids": ids, "contents": contents})


def fold_sums(connection: psycopg.Connection) -> None:
    """Make one line of all lines of a day."""
    connection.execute(_SQL["fold_sums"])


def id_sum(event_ids: Sequence[bytes]) -> int:
    """The sum of the last eight bytes of ids, as signed numbers, as in SQL."""
    halves = array("q", b"".join(event_ids))
    if sys.byteorder == "little":
        halves.byteswap()
    return sum(halves[1::2])


def _by_day(event_ids: Sequence[bytes]) -> Iterator[tuple[date, Sequence[bytes]]]:
    if not event_ids:
        return
    # Nearly always there is one day, and two comparisons tell.
    if day_of(min(event_ids)) == day_of(max(event_ids)):
        yield day_of(event_ids[0]), event_ids
        return
    by_day = defaultdict[date, list[bytes]](list)
    for event_id in event_ids:
        by_day[day_of(event_id)].append(event_id)
    yield from sorted(by_day.items())
