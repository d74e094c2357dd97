-- name: newer_requests
-- Requests that this process has not read yet.
select id, user_key, requested_at from erasures where id > %(newest)s order by id

-- name: insert_request
-- Adds a user to the list. The receipt makes this safe to do twice.
insert into erasures (user_key, requested_at, receipt)
values (%(user_key)s, %(requested_at)s, %(receipt)s)
on conflict (receipt) do nothing

-- name: delete_hot_rows
-- Deletes a user's hot rows from the partition of a day.
delete from {raw_table} where user_key = %(user_key)s and received_at <= %(requested_at)s

-- name: add_erased_rows
-- Notes how many rows of a day were erased, so that the day still adds up.
insert into erased_rows (day, receipt, rows)
values (%(day)s, %(receipt)s, %(rows)s)
on conflict (day, receipt) do update set rows = erased_rows.rows + excluded.rows

-- name: add_rows_removed
-- Adds to the count of removed rows of a request.
update erasures set rows_removed = rows_removed + %(rows)s where receipt = %(receipt)s

-- name: delete_dead_letters
-- Deletes a user's dead letters. Their key is that of their record, whether or not their value can be decoded.
delete from dead_letters where record_key = %(record_key)s and appended_at <= %(requested_at)s

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
    (select count(*) from raw_events where user_key = %(user_key)s and received_at <= %(requested_at)s)
    + (
        select count(*)
        from packed_events as packed
        cross join lateral unpack(packed) as event
        where packed.owners @> %(user_key)s::bytea
            and event.user_key = %(user_key)s
            and event.received_at <= %(requested_at)s
    ),
    (select count(*) from dead_letters where record_key = %(record_key)s and appended_at <= %(requested_at)s)

-- name: days
-- Every day that has a partition, newest first.
select inhrelid::regclass::text from pg_inherits where inhparent = 'raw_events'::regclass order by 1 desc
