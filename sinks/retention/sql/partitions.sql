-- name: attached
-- The days that have a partition of raw_events, by its bounds; except those that are being detached.
select day
from (
    select day_of_partition(inhrelid) as day
    from pg_inherits
    where inhparent = 'raw_events'::regclass and not inhdetachpending
) as partition
where day is not null

-- name: missing
-- Which of these days have no partition, with the name of their table, and whether that exists: an interrupted step may
-- have detached it.
with attached as materialized (
    select day_of_partition(inhrelid) as day
    from pg_inherits
    where inhparent = to_regclass(%(parent)s) and not inhdetachpending
)
select wanted.name, to_regclass(wanted.name) is not null
from unnest(%(days)s::date[], %(names)s::text[]) as wanted (day, name)
where wanted.day not in (select day from attached where day is not null)

-- name: is_attached
-- Whether the table is a partition, also if it is half detached; not if it does not exist.
select exists (select from pg_inherits where inhrelid = to_regclass(%(name)s))

-- name: half_detached
-- Partitions whose `detach … concurrently` was interrupted: parent and name.
select parent.relname, partition.relname
from pg_inherits
join pg_class as parent on parent.oid = inhparent
join pg_class as partition on partition.oid = inhrelid
where inhdetachpending and inhparent in ('raw_events'::regclass, 'packed_events'::regclass)

-- name: keyless
-- Partitions of raw_events that others attached without a key of the id alone: the key of a day's table is its own, and
-- Postgres demands none. Also whether they have another primary key.
select partition.oid::regclass::text, exists (select from pg_index where indrelid = partition.oid and indisprimary)
from pg_inherits
join pg_class as partition on partition.oid = inhrelid
where inhparent = to_regclass('raw_events') and relkind = 'r' and not exists (
    select from pg_index
    join pg_attribute on attrelid = indrelid and attname = 'event_id'
    where indrelid = partition.oid and indisunique and indimmediate and indisvalid and indpred is null
        and indkey::text = attnum::text
)
