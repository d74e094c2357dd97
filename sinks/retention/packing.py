"""Packing: the hot rows of an old day become blocks of about a thousand events, each a row of `packed_events`.

A few blocks are moved per transaction: hot rows are deleted, packed rows inserted, and what these give back is
compared with what was deleted. So no query sees an event twice or not at all, and none waits longer than for one
such transaction.

A late row of a packed day meets no primary key. It is written first and then looked up among the packed rows: by
whose event it is, and else by four bytes of its id (the table `packed_ids`). In this order: if a transaction is
packing its copy, it has deleted the hot row, so the insert waits for that commit and the lookup finds the copy.
The other way round, both could miss each other.

Fault tests interrupt `_unpack_small_blocks`, `_assign_blocks`, `_pack_block_range` and `add_packed` by name;
`tests/contracts/test_kill_points.py` fails if one is renamed.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

from sinks.columns import COLUMNS, NAMES
from sinks.landing.event_row import EventRow
from sinks.locks import lock_key
from sinks.retention.content import CONTENT, SUMS
from sinks.retention.days import add_packed, drop_copies
from sinks.retention.partitions import day_of, id_bounds, ids_and_days, raw_table_name
from sinks.retention.same_event import SAME_CONTENT, SAME_SENDER, Likeness
from sinks.sql import read_statements
from sinks.visits.derive import drain
from sinks.visits.queue import ADD_REMOVED

log = logging.getLogger(__name__)

EVENTS_PER_BLOCK = 1000
# A statement that meets one of the rows being moved waits for the whole transaction.
_BLOCKS_PER_TRANSACTION = 5
_COLUMN_LIST = sql.SQL(", ").join(map(sql.Identifier, NAMES))
_RAW_COLUMN_LIST, _EVENT_COLUMN_LIST = (
    sql.SQL(", ").join(sql.Identifier(table, name) for name in NAMES) for table in ("raw", "event")
)
_SQL = read_statements(__name__)
_INSERT_PACKED = _SQL["insert_packed"].format(
    packed_columns=sql.SQL(", ").join(sql.Identifier(column.packed) for column in COLUMNS),
    packed_elements=sql.SQL(", ").join(sql.SQL(f"array_agg({column.packed_element})") for column in COLUMNS),
    hot_columns=sql.SQL(", ").join(
        sql.SQL("milliseconds_of({0}) as {0}" if column.type == "timestamptz" else "{0}").format(
            sql.Identifier(column.name)
        )
        for column in COLUMNS
    ),
    content=CONTENT,
)
_HASH_PACKED = _SQL["hash_packed"].format(event_columns=_EVENT_COLUMN_LIST)
_UNPACK_SMALL_BLOCKS = _SQL["unpack_small_blocks"].format(columns=_COLUMN_LIST)
# Which rows an erasure covers.
COVERED = _SQL["covered"]
_ALIKE = {"same_sender": SAME_SENDER, "same_content": SAME_CONTENT, "element": _SQL["element"]}
_FIND_PACKED, _FIND_ANYWHERE = (_SQL[name].format(**_ALIKE) for name in ("find_packed", "find_anywhere"))
_NOTE_IDS = _SQL["note_ids"].format(block_size=sql.Literal(EVENTS_PER_BLOCK))
_ERASE = _SQL["erase"].format(insert_packed=_INSERT_PACKED, covered=COVERED, sums=SUMS, queue_removed=ADD_REMOVED)


class RemovedRows(NamedTuple):
    """Rows of a day and type that an erasure removed, with what they add to the sums of `landed_sums`."""

    day: date
    event_type: int
    rows: int
    ids: Decimal
    contents: Decimal


class PackedRowsDiffer(Exception):
    """Packed rows do not give back the rows that went in. The transaction was rolled back."""


def pack(connection: psycopg.Connection, day: date) -> int:
    """Pack the hot rows of a day. Return how many. The connection must be in autocommit mode."""
    unpacked = _unpack_small_blocks(connection, day)
    blocks = _assign_blocks(connection, day)
    # Visits find rows by their ids, which packed rows have no index of.
    drain(connection)
    packed = sum(_pack_block_range(connection, day, first) for first in range(0, blocks, _BLOCKS_PER_TRANSACTION))
    connection.execute("drop table packing")
    return packed - unpacked


def find_packed(connection: psycopg.Connection, rows: Iterable[EventRow]) -> dict[bytes, Likeness]:
    """The ids of these rows that are packed already, and how alike both are.

    Call it after the rows were written, in their transaction.
    """
    newest = (connection.execute(_SQL["newest_packed_day"]).fetchone() or (None,))[0]
    if newest is None:
        return {}
    by_day, end = defaultdict[date, list[EventRow]](list), id_bounds(newest)[1].bytes
    for row in rows:
        if row.event_id < end:
            by_day[day_of(row.event_id)].append(row)
    found = dict[bytes, Likeness]()
    for day, late in by_day.items():
        found |= _packed_of_day(connection, day, late)
    return found


def delete_already_packed(connection: psycopg.Connection, rows: Iterable[EventRow]) -> dict[bytes, Likeness]:
    """Delete those hot rows again whose events are packed already. Return their ids, and how alike both are."""
    packed = find_packed(connection, rows)
    if packed:
        connection.execute(_SQL["delete_hot"], ids_and_days(packed))
    return packed


def lock_day(connection: psycopg.Connection, day: date) -> None:
    """Keep others from packing or unpacking rows of a day until the transaction ends."""
    connection.execute(sql.SQL("select pg_advisory_xact_lock({})").format(lock_key(f"packing {day}")))


def erase(connection: psycopg.Connection, day: date, covered: Mapping[str, Any]) -> list[RemovedRows]:
    """Remove the events that an erasure covers from a packed day; what was removed. The caller holds `lock_day`.

    `covered` are the parameters of `sinks.erasure.COVERED`.
    """
    found = connection.execute(_ERASE, {"day": day, **covered}).fetchall()
    removed = [RemovedRows(day, *columns) for columns in found]
    if removed:
        add_packed(connection, day, -sum(each.rows for each in removed))
    return removed


def _unpack_small_blocks(connection: psycopg.Connection, day: date) -> int:
    with connection.transaction():
        lock_day(connection, day)
        few = {"day": day, "min_rows": EVENTS_PER_BLOCK // 2}
        unpacked, copies = connection.execute(_UNPACK_SMALL_BLOCKS, few).fetchone() or (0, 0)
        add_packed(connection, day, -unpacked)
        if copies:
            log.error("%s: %d packed events were also hot; their packed copies are dropped", day, copies)
            drop_copies(connection, day, copies)
    return int(unpacked - copies)


def _assign_blocks(connection: psycopg.Connection, day: date) -> int:
    """Give each hot row of a day its block, in the temporary table `packing`. Return the number of blocks."""
    connection.execute("drop table if exists packing")
    connection.execute(
        _SQL["assign_blocks"].format(
            block_size=sql.Literal(EVENTS_PER_BLOCK), raw_table=sql.Identifier(raw_table_name(day))
        )
    )
    # In a transaction of its own, so that a copy that lands while the rows move finds them noted.
    connection.execute(_NOTE_IDS, {"day": day})
    connection.execute("create index on packing (block)")
    connection.execute("analyze packing")
    (blocks,) = connection.execute(_SQL["count_blocks"]).fetchone() or (0,)
    return int(blocks)


def _pack_block_range(connection: psycopg.Connection, day: date, first: int) -> int:
    """Pack the next few blocks in one transaction. Return how many rows they held."""
    pack_blocks = _SQL["pack_block_range"].format(
        raw_table=sql.Identifier(raw_table_name(day)),
        raw_columns=_RAW_COLUMN_LIST,
        columns=_COLUMN_LIST,
        insert_packed=_INSERT_PACKED,
    )
    blocks = {"day": day, "first": first, "end": first + _BLOCKS_PER_TRANSACTION}
    with connection.transaction():
        lock_day(connection, day)
        ids, *went_in = connection.execute(pack_blocks, blocks).fetchone() or ()
        came_out = connection.execute(_HASH_PACKED, {"day": day, "ids": ids or []}).fetchone() or ()
        # Compared before the commit: the hot rows are gone only if the packed ones hold exactly the same.
        if tuple(went_in) != came_out:
            raise PackedRowsDiffer(
                f"{day}: not packed: packed rows give back {came_out} (rows, sum of hashes) instead of {went_in}"
            )
        add_packed(connection, day, went_in[0])
    return int(went_in[0])


def _packed_of_day(connection: psycopg.Connection, day: date, rows: list[EventRow]) -> dict[bytes, Likeness]:
    ids = [UUID(bytes=row.event_id) for row in rows]
    # As the SQL function owner_of.
    owners = [row.user_key or row.session_key or row.visitor_key or row.event_id for row in rows]
    found = connection.execute(_FIND_PACKED, {"day": day, "ids": ids, "owners": owners}).fetchall()
    # The same event may have been sent with other keys: as a guest, and again after signing in.
    known = {each for each, *_ in found}
    others = {"day": day, "ids": [each for each in ids if each not in known]}
    if suspects := [each for (each,) in connection.execute(_SQL["find_tails"], others)]:
        found += connection.execute(_FIND_ANYWHERE, {"day": day, "ids": suspects}).fetchall()
    return {event_id.bytes: Likeness(*same) for event_id, *same in found}


def forget_day(connection: psycopg.Connection, day: date) -> None:
    """Forget which events of a day were packed, and what its rows add up to, as it is dropped."""
    connection.execute(_SQL["forget_ids"], {"day": day})
    connection.execute(_SQL["forget_samples"], {"low": id_bounds(day)[0], "high": id_bounds(day)[1]})
    connection.execute(_SQL["forget_sums"], {"day": day})
