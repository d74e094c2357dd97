-- name: assign_blocks
-- Numbers the hot rows of a day in blocks, ordered by visitor so that similar values end up in the same arrays and
-- compress well. A temporary table, because the order must not change between the transactions that move the blocks.
create temp table packing on commit preserve rows as
select
    event_id,
    ((row_number() over (order by owner_of(user_key, session_key, visitor_key, event_id), event_id) - 1) / {block_size})::integer
        as block
from {raw_table}

-- name: count_blocks
-- How many blocks there are to move.
select coalesce(max(block), -1) + 1 from packing

-- name: insert_packed
-- Not a statement of its own: packs the rows of a `taken` (block, …) into one row of packed_events per block. Times are
-- stored as milliseconds from the time of receipt: small numbers compress better.
    insert into packed_events (day, rows, owners, {packed_columns})
    select
        %(day)s,
        count(*),
        -- The rows are ordered by owner: the first and the last one bound the range.
        key_range((array_agg(owner))[1], (array_agg(owner))[count(*)], '[]'),
        {packed_elements}
    from (
        select block, {hot_columns}, owner_of(user_key, session_key, visitor_key, event_id) as owner
        from taken
        order by block, owner, event_id
    ) as ordered
    group by block
    returning id

-- name: pack_block_range
-- Moves some blocks of hot rows into packed_events. Returns the ids of the packed rows, and count and hash sum of what
-- went in, to be compared with what comes out.
with wanted as (
    select * from packing where block >= %(first)s and block < %(end)s
), taken as (
    delete from {raw_table} as raw using wanted
    where raw.event_id = wanted.event_id
    returning wanted.block, {raw_columns}
), packed as (
    {insert_packed}
)
select (select array_agg(id) from packed), count(*)::bigint, sum(hash_record_extended(row({columns}), 0))
from taken

-- name: hash_packed
-- Count and hash sum of the events that packed rows hold.
select count(*)::bigint, sum(hash_record_extended(row({event_columns}), 0))
from packed_events as packed
cross join lateral unpack(packed) as event
where packed.day = %(day)s and packed.id = any(%(ids)s)

-- name: unpack_small_blocks
-- Turns small packed rows back into hot ones before the day is packed again. Otherwise each round that finds a few late
-- events would leave one more tiny packed row.
with taken as (
    delete from packed_events as packed
    where day = %(day)s and rows < %(min_rows)s
    returning packed as block
)
insert into raw_events ({columns})
select {columns} from taken cross join lateral unpack(block) as event

-- name: erase_user
-- Replaces the packed rows that hold events of a user by rows without them. Returns how many events were removed.
-- `owners` finds the candidates by index; `user_keys` tells which of them really hold the user.
with opened as (
    delete from packed_events as packed
    where day = %(day)s and owners @> %(key)s::bytea and %(key)s = any(user_keys)
    returning packed as block
), stored as (
    select (block).id as block, event.* from opened cross join lateral unpack(block) as event
), taken as (
    select * from stored where user_key is distinct from %(key)s or received_at > %(until)s
), packed as (
    {insert_packed}
)
select (select count(*) from stored) - (select count(*) from taken)

-- name: newest_packed_day
-- The newest day with packed rows: later rows cannot have a packed copy.
select max(day) from days where packed > 0

-- name: find_packed
-- Which of these events of a day are packed. `owners` finds the packed rows that may hold an event by index.
select event.id
from unnest(%(ids)s::uuid[], %(owners)s::bytea[]) as event (id, owner)
join packed_events as packed on packed.day = %(day)s and packed.owners @> event.owner
where event.id = any(packed.event_ids)

-- name: delete_hot
-- Deletes hot rows by their ids.
delete from raw_events where event_id = any(%(ids)s)
