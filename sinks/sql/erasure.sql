-- name: newer_keys
-- Keys that this process has not read yet.
select id, scope, key, requested_at from erased_keys where id > %(newest)s order by id

-- name: insert_request
-- Adds a request to the list. The receipt makes this safe to do twice.
insert into erasures (scope, key, requested_at, receipt)
values (%(scope)s, %(key)s, %(requested_at)s, %(receipt)s)
on conflict (receipt) do nothing

-- name: insert_key
insert into erased_keys (receipt, scope, key, requested_at)
values (%(receipt)s, %(scope)s, %(key)s, %(requested_at)s)
on conflict do nothing

-- name: keys
-- All keys of a request.
select scope, key from erased_keys where receipt = %(receipt)s

-- name: guest_keys
-- The visitors and sessions that a user's events have: the same browser before the user signed in.
select distinct guest.key
from (
    select visitor_key, session_key
    from raw_events
    where user_key = %(key)s and received_at <= %(requested_at)s
    union all
    select event.visitor_key, event.session_key
    from packed_events as packed
    cross join lateral unpack(packed) as event
    where packed.owners @> %(key)s::bytea and event.user_key = %(key)s and event.received_at <= %(requested_at)s
) as event
cross join lateral (values (visitor_key), (session_key)) as guest (key)
where guest.key is not null

-- name: tables
-- Every partition of raw_events and its day; the day is null if somebody else attached it.
select pg_namespace.nspname, pg_class.relname, day_of_partition(inhrelid)
from pg_inherits
join pg_class on pg_class.oid = inhrelid
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where inhparent = 'raw_events'::regclass
order by 3 desc nulls last

-- name: delete_hot_rows
-- Deletes hot rows from a partition, and returns how many of each day and type, with what they add to its sums.
with removed as (
    delete from {raw_table} where {covered} returning {columns}
), forgotten as (
    delete from duplicate_samples where event_id in (select event_id from removed)
), queued as (
    {queue_removed}
)
select day_of(event_id), event_type, count(*), {sums} from removed group by 1, 2

-- name: add_erased_rows
-- Notes how many rows of a day were erased, so that the day still adds up.
insert into erased_rows (day, receipt, event_type, rows)
values (%(day)s, %(receipt)s, %(event_type)s, %(rows)s)
on conflict (day, receipt, event_type) do update set rows = erased_rows.rows + excluded.rows

-- name: add_rows_removed
-- Adds to the count of removed rows of a request.
update erasures set rows_removed = rows_removed + %(rows)s where receipt = %(receipt)s

-- name: delete_dead_letters
-- Deletes dead letters and returns how often they were read. Their key is that of their record, whether or not their
-- value can be decoded.
with removed as (
    delete from dead_letters where record_key = any(%(record_keys)s) and appended_at <= %(until)s returning reads
)
select coalesce(sum(reads), 0)::bigint from removed

-- name: add_dead_letters_removed
-- Adds to the count of removed dead letters of a request.
update erasures set dead_letters_removed = dead_letters_removed + %(dead_letters)s where receipt = %(receipt)s

-- name: finish
-- Marks a request as done, and returns what it removed in all. Doing it again leaves the first time in place.
update erasures
set finished_at = coalesce(finished_at, now())
where receipt = %(receipt)s
returning rows_removed, dead_letters_removed

-- name: count
-- What an erasure would remove: rows, hot and packed, and dead letters.
select
    (select count(*) from stored_events where {covered}),
    (select coalesce(sum(reads), 0)::bigint from dead_letters where record_key = any(%(record_keys)s) and appended_at <= %(until)s)
