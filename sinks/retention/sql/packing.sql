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

-- name: note_ids
-- Notes the ids that are going to be packed, before the first of them is.
insert into packed_ids (day, part, first_id, tails)
select
    %(day)s,
    (select coalesce(max(part) + 1, 0) from packed_ids where day = %(day)s),
    (array_agg(event_id order by event_id))[1],
    array_agg(tail_of(event_id))
from (select event_id, (row_number() over (order by event_id) - 1) / {block_size} as chunk from packing) as numbered
group by chunk

-- name: insert_packed
-- Not a statement of its own: packs the rows of a `taken` (block, …) into one row of packed_events per block. Times are
-- stored as milliseconds from the time of receipt: small numbers compress better.
    insert into packed_events (day, rows, contents, owners, {packed_columns})
    select
        %(day)s,
        count(*),
        sum(content),
        -- The rows are ordered by owner: the first and the last one bound the range.
        key_range((array_agg(owner))[1], (array_agg(owner))[count(*)], '[]'),
        {packed_elements}
    from (
        select
            block, {hot_columns}, {content} as content,
            owner_of(user_key, session_key, visitor_key, event_id) as owner
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
-- events would leave one more tiny packed row. Returns how many events they held, and how many of these are hot already.
with taken as (
    delete from packed_events as packed
    where day = %(day)s and rows < %(min_rows)s
    returning packed as block
), unpacked as (
    select {columns} from taken cross join lateral unpack(block) as event
), hot as (
    insert into raw_events ({columns}) select {columns} from unpacked on conflict do nothing returning event_id
)
select (select count(*) from unpacked), (select count(*) from unpacked) - (select count(*) from hot)

-- name: covered
-- Not a statement of its own: whether an erasure covers a row. Guests are visitors and sessions before they signed in.
(
    user_key = any(%(users)s::bytea[])
    or visitor_key = any(%(visitors)s::bytea[])
    or session_key = any(%(sessions)s::bytea[])
    or user_key is null and (visitor_key = any(%(guests)s::bytea[]) or session_key = any(%(guests)s::bytea[]))
) and received_at <= %(until)s

-- name: erase
-- Replaces the packed rows that hold events of an erasure by rows without them. Returns what was removed, by type.
-- `owners` finds those of a user by index; guests and visitors may be in any block.
with opened as (
    delete from packed_events as packed
    where day = %(day)s and (
        exists (select from unnest(%(users)s::bytea[]) as key where owners @> key) and user_keys && %(users)s::bytea[]
        or visitor_keys && (%(visitors)s::bytea[] || %(guests)s::bytea[])
        or session_keys && (%(sessions)s::bytea[] || %(guests)s::bytea[])
    )
    returning packed as block
), stored as (
    select (block).id as block, event.* from opened cross join lateral unpack(block) as event
), removed as (
    select * from stored where {covered}
), taken as (
    select * from stored where ({covered}) is not true
), packed as (
    {insert_packed}
), forgotten as (
    delete from duplicate_samples where event_id in (select event_id from removed)
), queued as (
    {queue_removed}
)
select event_type, count(*), {sums} from removed group by event_type

-- name: newest_packed_day
-- The newest day with packed rows: later rows cannot have a packed copy.
select max(day) from days where packed > 0

-- name: find_packed
-- Which of these hot events of a day are packed, and whether they are the same. `owners` finds the packed rows that may
-- hold an event by index.
select copied.event_id, {same_sender}, {same_content}
from unnest(%(ids)s::uuid[], %(owners)s::bytea[]) as event (id, owner)
join raw_events as copied on day_of(copied.event_id) = %(day)s and copied.event_id = event.id
join packed_events as packed on packed.day = %(day)s and packed.owners @> event.owner
cross join lateral ({element}) as stored

-- name: element
-- Not a statement of its own: of the event of a packed row that has the id of `copied`, what tells whether it is the same.
select
    packed.event_types[place] as event_type,
    packed.user_keys[place] as user_key,
    packed.visitor_keys[place] as visitor_key,
    packed.session_keys[place] as session_key,
    packed.pages[place] as page,
    packed.event_data[place]::jsonb as event_data
from array_position(packed.event_ids, copied.event_id) as place
where place is not null

-- name: find_tails
-- Which of these events of a day may be packed, whoever sent them: a thousandth of a million others do not differ.
select event.id
from unnest(%(ids)s::uuid[]) as event (id)
cross join generate_series(0, (select max(part) from packed_ids where day = %(day)s)) as parts (part)
cross join lateral (
    select tails
    from packed_ids
    where day = %(day)s and part = parts.part and first_id <= event.id
    order by first_id desc
    limit 1
) as chunk
where tail_of(event.id) = any(chunk.tails)

-- name: find_anywhere
-- Which of these hot events are packed, in any block of the day, and whether they are the same. Reads the ids of the
-- whole day, so it is asked rarely.
select copied.event_id, {same_sender}, {same_content}
from packed_events as packed
join raw_events as copied on day_of(copied.event_id) = %(day)s and copied.event_id = any(%(ids)s::uuid[])
cross join lateral ({element}) as stored
where packed.day = %(day)s and packed.event_ids && %(ids)s::uuid[]

-- name: forget_ids
-- A day that is dropped has no packed rows any more.
delete from packed_ids where day = %(day)s

-- name: forget_samples
delete from duplicate_samples where event_id >= %(low)s and event_id < %(high)s

-- name: forget_sums
delete from landed_sums where day = %(day)s

-- name: delete_hot
-- Deletes hot rows by their ids.
delete from raw_events where day_of(event_id) = any(%(days)s) and event_id = any(%(ids)s)
