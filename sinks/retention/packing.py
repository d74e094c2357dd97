"""Packing: rows of an old day become rows of about a thousand events each, which the views read as before.

Rows move a slice at a time, each in one transaction: out of the partition, into packed rows, and compared with
what these give back. So nobody sees an event twice or not at all, and nobody waits longer than for a slice.

A row that comes late for a packed day meets no key any more. It lands first and is then looked for among the
packed ones: whoever packs it meanwhile has taken it out of the partition before, and is waited for there.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import psycopg
from psycopg import sql

from sinks.columns import COLUMNS, NAMES
from sinks.landing.rows import EventRow
from sinks.retention.days import add_packed
from sinks.retention.partition_tables import make_partitions
from sinks.retention.partitions import day_of, name_of

EVENTS_A_ROW = 1000
# Packed rows a transaction: who meets one of its rows waits that long.
_SLICE = 5
# Any number, the same in every process of ours; the other half of the lock is the day.
_LOCK = 0x7061636B
_LIST = sql.SQL(", ").join(map(sql.Identifier, NAMES))
# Rows `taken (block, …)` into packed rows, one a block.
_PACKED = f"""
    insert into packed_events (day, rows, owners, {", ".join(column.packed for column in COLUMNS)})
    select %(day)s, count(*), key_range((array_agg(owner))[1], (array_agg(owner))[count(*)], '[]'),
        {", ".join(f"array_agg({column.packed_element})" for column in COLUMNS)}
    from (
        select *, milliseconds_of(occurred_at) as occurred, milliseconds_of(received_at) as received,
            milliseconds_of(sent_at) as sent, owner_of(user_key, session_key, event_id) as owner
        from taken order by block, owner, event_id
    ) as ordered
    group by block
    returning id
"""
_ORDER = (
    "create temp table packing on commit preserve rows as select event_id, ((row_number() over"
    " (order by owner_of(user_key, session_key, event_id), event_id) - 1) / {})::integer as block from {}"
)
_MOVE = sql.SQL(
    "with wanted as (select * from packing where block >= %(first)s and block < %(end)s),"
    " taken as (delete from {} as raw using wanted where raw.event_id = wanted.event_id"
    "   returning wanted.block, {}),"
    " packed as (" + _PACKED + ")"
    " select (select array_agg(id) from packed), count(*)::bigint, sum(hash_record_extended(row({}), 0))"
    " from taken"
)
_GIVEN_BACK = (
    "select count(*)::bigint, sum(hash_record_extended(event, 0))"
    " from packed_events as packed cross join lateral unpack(packed) as event"
    " where packed.day = %(day)s and packed.id = any(%(ids)s)"
)
# The small ones, so that what comes late a few rows at a time does not leave a packed row each time.
_LOOSEN = sql.SQL(
    "with taken as (delete from packed_events as packed where day = %(day)s and rows < %(few)s"
    "   returning packed as block)"
    " insert into raw_events ({0}) select {0} from taken cross join lateral unpack(block) as event"
).format(_LIST)
_FORGET = sql.SQL(
    "with opened as (delete from packed_events as packed where day = %(day)s and owners @> %(key)s::bytea"
    "   and %(key)s = any(user_keys) returning packed as block),"
    " stored as (select (block).id as block, event.* from opened cross join lateral unpack(block) as event),"
    " taken as (select * from stored where user_key is distinct from %(key)s or received_at > %(until)s),"
    " packed as (" + _PACKED + ")"
    " select (select count(*) from stored) - (select count(*) from taken)"
)
_KNOWN = (
    "select event.id from unnest(%(ids)s::uuid[], %(owners)s::bytea[]) as event (id, owner)"
    " join packed_events as packed on packed.day = %(day)s and packed.owners @> event.owner"
    " where event.id = any(packed.event_ids)"
)


class NotTheSame(Exception):
    """Packed rows do not give back what was put in; nothing was changed."""


def pack(connection: psycopg.Connection, day: date) -> int:
    """Pack what the partition of a day holds; how many rows that was. The connection must be in autocommit."""
    make_partitions(connection, [day])  # older versions made room for packed rows only here
    loosened = _loosen(connection, day)
    blocks = _order(connection, day)
    moved = sum(_move(connection, day, first) for first in range(0, blocks, _SLICE))
    connection.execute("drop table packing")
    return moved - loosened


def already_packed(connection: psycopg.Connection, rows: Iterable[EventRow]) -> set[UUID]:
    """The ids among these rows that are packed already. Ask after the rows are written, in their transaction."""
    newest = (connection.execute("select max(day) from days where packed > 0").fetchone() or (None,))[0]
    by_day = defaultdict[date, list[EventRow]](list)
    for row in rows if newest else ():
        if (day := day_of(row.event_id)) <= newest:
            by_day[day].append(row)
    return {found for day, late in by_day.items() for found in _packed_of(connection, day, late)}


def remove_packed_again(connection: psycopg.Connection, rows: Iterable[EventRow]) -> set[UUID]:
    """Take those rows out of the partitions again that are packed already; their ids."""
    known = already_packed(connection, rows)
    if known:
        connection.execute("delete from raw_events where event_id = any(%s)", [list(known)])
    return known


def lock_day(connection: psycopg.Connection, day: date) -> None:
    """Keep others from moving a day's rows from one form to the other, until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(%s, %s)", [_LOCK, day.toordinal()])


def forget(connection: psycopg.Connection, day: date, user_key: bytes, until: datetime) -> int:
    """Take what a user sent until then out of a packed day; how many rows that was. With the day's lock."""
    removed = (connection.execute(_FORGET, {"day": day, "key": user_key, "until": until}).fetchone() or (0,))[0]
    if removed:
        add_packed(connection, day, -removed)
    return int(removed)


def _loosen(connection: psycopg.Connection, day: date) -> int:
    with connection.transaction():
        lock_day(connection, day)
        loosened = connection.execute(_LOOSEN, {"day": day, "few": EVENTS_A_ROW // 2}).rowcount
        add_packed(connection, day, -loosened)
    return loosened


def _order(connection: psycopg.Connection, day: date) -> int:
    """Put the rows of a day in order, in a temporary table; how many packed rows they make."""
    connection.execute("drop table if exists packing")
    connection.execute(sql.SQL(_ORDER).format(sql.Literal(EVENTS_A_ROW), sql.Identifier(name_of(day))))
    connection.execute("create index on packing (block)")
    connection.execute("analyze packing")
    (blocks,) = connection.execute("select coalesce(max(block), -1) + 1 from packing").fetchone() or (0,)
    return int(blocks)


def _move(connection: psycopg.Connection, day: date, first: int) -> int:
    """Move a slice; how many rows that was."""
    taken = sql.SQL(", ").join(sql.Identifier("raw", name) for name in NAMES)
    move = _MOVE.format(sql.Identifier(name_of(day)), taken, _LIST)
    with connection.transaction():
        lock_day(connection, day)
        ids, *put_in = (
            connection.execute(move, {"day": day, "first": first, "end": first + _SLICE}).fetchone() or ()
        )
        given_back = connection.execute(_GIVEN_BACK, {"day": day, "ids": ids or []}).fetchone() or ()
        if tuple(put_in) != given_back:
            raise NotTheSame(f"{day}: packed rows give back {given_back} (rows, sum of hashes), not {put_in}")
        add_packed(connection, day, put_in[0])
    return int(put_in[0])


def _packed_of(connection: psycopg.Connection, day: date, rows: list[EventRow]) -> list[UUID]:
    ids = [row.event_id for row in rows]
    owners = [row.user_key or row.session_key or row.event_id.bytes for row in rows]
    found = connection.execute(_KNOWN, {"day": day, "ids": ids, "owners": owners})
    return [event_id for (event_id,) in found.fetchall()]
